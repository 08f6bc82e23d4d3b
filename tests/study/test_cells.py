"""Cells that processes share: each is worked out once, by one of them, whatever becomes of the others."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from heard import Heard

from gsdd.errors import Interrupted
from gsdd.study.cells import Workshop, read_result, run_cells, stem
from gsdd.study.claims import claimed

HOLD = """
import sys, time
from pathlib import Path
from gsdd.study.claims import claimed
with claimed(Path(sys.argv[1])) as ours:
    print(ours, flush=True)
    time.sleep(60)
"""


@dataclass(frozen=True)
class NotedCell:
    """Notes that it was worked out, and by which thread."""

    name: str
    log: list[tuple[str, str]] = field(default_factory=list)
    needs: tuple["NotedCell", ...] = ()
    seconds: float = 0.02

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"noted": self.name}

    def run(self, workshop: Workshop) -> dict[str, Any]:
        assert all(read_result(need, workshop) is not None for need in self.needs)
        self.log.append((self.name, threading.current_thread().name))
        time.sleep(self.seconds)
        return {"by": threading.current_thread().name}


def workshop(folder: Path, **options: Any) -> Workshop:
    return Workshop(folder, **options)


def test_two_that_share_a_folder_work_each_cell_out_once_and_both_wait_for_all(tmp_path):
    log: list[tuple[str, str]] = []
    made = [NotedCell(f"made-{k}", log) for k in range(3)]
    cells = [NotedCell(f"trained-{k}", log, (made[k % 3],)) for k in range(12)]
    left: list[int] = []
    threads = [threading.Thread(target=lambda: left.append(run_cells(cells, workshop(tmp_path)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left == [0, 0]
    assert sorted(name for name, _ in log) == sorted(each.name for each in (*made, *cells))
    assert len({thread for _, thread in log}) == 2
    assert list((tmp_path / "claims").iterdir()) == []


def test_a_cell_that_another_process_is_at_is_passed_over_and_waited_for(tmp_path):
    log: list[tuple[str, str]] = []
    cells = [NotedCell("first", log), NotedCell("second", log)]
    run_cells([], workshop(tmp_path))

    with claimed(tmp_path / "claims" / stem(cells[0])) as ours:
        assert ours
        assert run_cells(cells, workshop(tmp_path), at_most=1) == 1
        assert [name for name, _ in log] == ["second"]
    assert run_cells(cells, workshop(tmp_path)) == 0
    assert [name for name, _ in log] == ["second", "first"]


def test_a_killed_process_leaves_its_cell_to_the_others(tmp_path):
    path = tmp_path / "claim"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with claimed(path) as ours:
            assert not ours
        holder.send_signal(signal.SIGKILL)
    with claimed(path) as ours:
        assert ours


def test_a_cell_that_fails_may_be_tried_again_and_what_it_needs_stays(tmp_path):
    class Failing(NotedCell):
        def run(self, workshop: Workshop) -> dict[str, Any]:
            raise ValueError("no")

    need = NotedCell("need")
    with pytest.raises(ValueError, match="no"):
        run_cells([Failing("failing", needs=(need,))], workshop(tmp_path))
    assert read_result(need, workshop(tmp_path)) is not None
    assert run_cells([NotedCell("failing", needs=(need,))], workshop(tmp_path)) == 0


def test_who_waits_for_another_stops_when_told_to(tmp_path):
    cell = NotedCell("held")
    run_cells([], workshop(tmp_path))

    with claimed(tmp_path / "claims" / stem(cell)), pytest.raises(Interrupted, match="1 of 1 cells are left"):
        run_cells([cell], workshop(tmp_path, monitor=Heard(lambda asked: asked > 2)))


def test_what_only_cells_with_results_need_is_not_made(tmp_path):
    """Results of trainings that were brought from another machine: their sources are made where another cell asks."""
    log: list[tuple[str, str]] = []
    need = NotedCell("need", log)
    first, second = (NotedCell(name, log, (need,)) for name in ("first", "second"))
    run_cells([first], workshop(tmp_path / "there"))
    (tmp_path / "here" / "cells").mkdir(parents=True)
    brought = workshop(tmp_path / "there").result_file(first)
    (tmp_path / "here" / "cells" / brought.name).write_bytes(brought.read_bytes())
    log.clear()
    assert run_cells([first], workshop(tmp_path / "here")) == 0
    assert log == []
    assert run_cells([first, second], workshop(tmp_path / "here")) == 0
    assert [name for name, _ in log] == ["need", "second"]
