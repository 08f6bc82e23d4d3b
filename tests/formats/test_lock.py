"""One process at a time works on an output, from the start of its work."""

import os
import signal
import subprocess
import sys

import pytest

from gsdd.errors import OutputError
from gsdd.formats.lock import working_on

HOLD = (
    "import sys; from pathlib import Path; from gsdd.formats.lock import working_on\n"
    "with working_on(Path(sys.argv[1])): print('at work', flush=True); sys.stdin.read()"
)


def at_work(path) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "at work\n"
    return process


def test_a_second_process_is_told_at_once_who_is_at_work(tmp_path):
    path = tmp_path / "a.gsdd"
    with at_work(path) as first:
        with (
            pytest.raises(OutputError, match=rf"another gsdd \(process {first.pid}\) is at work on it"),
            working_on(path),
        ):
            pass
        with working_on(tmp_path / "b.gsdd"):
            pass
        first.communicate()
    with working_on(path):
        assert [each.name for each in tmp_path.iterdir()] == [".a.gsdd.gsdd-lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path):
    path = tmp_path / "a.gsdd"
    with at_work(path) as killed:
        killed.send_signal(signal.SIGKILL)
    assert [each.name for each in tmp_path.iterdir()] == [".a.gsdd.gsdd-lock"]
    with working_on(path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_something_in_the_place_of_the_lock_is_not_waited_for(tmp_path, make):
    make(tmp_path / ".a.gsdd.gsdd-lock")
    with pytest.raises(OutputError, match="cannot be written"), working_on(tmp_path / "a.gsdd"):
        pass


def test_a_link_in_the_place_of_the_lock_leads_nowhere(tmp_path):
    (tmp_path / "other").write_bytes(b"theirs")
    (tmp_path / ".a.gsdd.gsdd-lock").symlink_to("other")
    with working_on(tmp_path / "a.gsdd"):
        pass
    assert (tmp_path / "other").read_bytes() == b"theirs"
