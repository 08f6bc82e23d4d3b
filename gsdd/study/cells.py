"""A study is a list of cells; each is worked out once, and its result is a JSON file named by what it is."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gsdd.errors import Interrupted, OutputError
from gsdd.formats.atomic import remove_orphans, write_atomically
from gsdd.formats.opening import read_whole
from gsdd.generators.generator import Generator
from gsdd.generators.load import load_generator
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.device import announcing, pick_device
from gsdd.study.claims import claimed

DIGITS = 10
# Of a result.
MOST_BYTES = 1 << 26
CELLS, MADE, MODELS, CLAIMS = "cells", "made", "models", "claims"
# Between two looks whether another process has come further, where this one can do nothing.
WAIT_SECONDS = 0.5

Result = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Workshop:
    """What cells need to be worked out, and what does not decide their results.

    Attributes:
        folder: of the study.
        device: where torch computes.
        checkpoint_seconds: least time between two checkpoints of a cell.
        monitor: told of cells and of the steps of each, and asked after a step whether to stop there.
    """

    folder: Path
    device: str = "auto"
    checkpoint_seconds: float = 60.0
    monitor: Monitor = SILENT
    _generators: dict[str, Generator] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Decide what "auto" is, once."""
        place = pick_device(self.device)
        object.__setattr__(self, "monitor", announcing(self.monitor, self.device, place))
        object.__setattr__(self, "device", place)

    def generator(self, name: str) -> Generator:
        """Load a generator by name or path, once."""
        if name not in self._generators:
            self._generators[name] = load_generator(name, device=self.device)
        return self._generators[name]

    def result_file(self, cell: "Cell") -> Path:
        """Say where the result of a cell lies."""
        return self.folder / CELLS / f"{stem(cell)}.json"

    def made_file(self, cell: "Cell", suffix: str) -> Path:
        """Say where a file lies that a cell makes beside its result."""
        return self.folder / MADE / f"{stem(cell)}{suffix}"

    def model_file(self, cell: "Cell") -> Path:
        """Say where the student lies that a cell trains."""
        return self.folder / MODELS / f"{stem(cell)}.safetensors"


class Cell(Protocol):
    """One distillation, one choice of a coreset, one training, or the scores of one student."""

    @property
    def name(self) -> str:
        """What it is, in letters that file names may have."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its result, as JSON has it."""

    @property
    def needs(self) -> "Sequence[Cell]":
        """Cells that come before it."""

    def run(self, workshop: Workshop) -> Result:
        """Work it out."""


def stem(cell: Cell) -> str:
    """Name the files of a cell: what it is, and a digest of everything that decides its result."""
    text = json.dumps(cell.identity, sort_keys=True)
    return f"{cell.name}-{hashlib.sha256(text.encode()).hexdigest()[:DIGITS]}"


def in_order(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """List cells with what they need before them, each once."""
    found: dict[str, Cell] = {}
    for cell in cells:
        for each in _with_needs(cell):
            found.setdefault(stem(each), each)
    return tuple(found.values())


def missing(cells: Iterable[Cell], workshop: Workshop) -> tuple[Cell, ...]:
    """List cells that have no result, with what they need that has none before them, each once.

    What only cells with results need is not missing: scores that were brought from elsewhere need no training.

    Raises:
        OutputError: a result is damaged, or of another cell.
    """
    found: dict[str, Cell] = {}
    for cell in cells:
        for each in _lacking(cell, workshop):
            found.setdefault(stem(each), each)
    return tuple(found.values())


def _lacking(cell: Cell, workshop: Workshop) -> Iterator[Cell]:
    if read_result(cell, workshop) is None:
        for need in cell.needs:
            yield from _lacking(need, workshop)
        yield cell


def _with_needs(cell: Cell) -> Iterator[Cell]:
    for need in cell.needs:
        yield from _with_needs(need)
    yield cell


def read_result(cell: Cell, workshop: Workshop) -> Result | None:
    """Read the result of a cell.

    Args:
        cell: the cell.
        workshop: its study.

    Returns:
        The result; None where the cell was not worked out yet.

    Raises:
        OutputError: the file is damaged, or of another cell.
    """
    path = workshop.result_file(cell)
    try:
        document = json.loads(read_whole(path, MOST_BYTES))
        same = document["identity"] == json.loads(json.dumps(cell.identity))
        result: Result = document["result"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path}: is no result of a cell ({error}); remove it to work the cell out again") from error
    if not same:
        raise OutputError(f"{path}: is the result of another cell; remove it to work this one out")
    return result


def run_cells(cells: Iterable[Cell], workshop: Workshop, at_most: int | None = None) -> int:
    """Work out the cells that have no result yet, in order; another process in the same folder takes other ones.

    Args:
        cells: wanted; what they need is worked out before them.
        workshop: the study.
        at_most: how many; None works out all, and waits for those that other processes are at.

    Returns:
        How many are left.

    Raises:
        Interrupted: the monitor said so; what is done is kept, and the same call goes on.
        GsddError: a cell cannot be worked out.
    """
    asked = tuple(cells)
    total = len(in_order(asked))
    _make_folders(workshop)
    left, done = [*missing(asked, workshop)], 0
    while left and (at_most is None or done < at_most):
        if workshop.monitor.should_stop():
            raise Interrupted(f"interrupted; {len(left)} of {total} cells are left")
        if _work_one_out(left, total, workshop):
            done += 1
        elif at_most is None:
            time.sleep(WAIT_SECONDS)
        before, left = left, _left(left, workshop)
        if at_most is not None and len(left) == len(before):
            break
    return len(left)


def _left(cells: Iterable[Cell], workshop: Workshop) -> list[Cell]:
    return [cell for cell in cells if read_result(cell, workshop) is None]


def _work_one_out(left: Sequence[Cell], total: int, workshop: Workshop) -> bool:
    """Take the first cell that nobody is at and that has what it needs; False where there is none."""
    absent = set(map(stem, left))
    for cell in left:
        if absent.isdisjoint(map(stem, cell.needs)) and _claim_and_run(cell, len(left), total, workshop):
            return True
    return False


def _claim_and_run(cell: Cell, left: int, total: int, workshop: Workshop) -> bool:
    with claimed(workshop.folder / CLAIMS / stem(cell)) as ours:
        if not ours or read_result(cell, workshop) is not None:
            return False
        workshop.monitor.note(f"cell {total - left + 1} of {total}: {cell.name}")
        _write(cell, cell.run(workshop), workshop)
    return True


def _write(cell: Cell, result: Result, workshop: Workshop) -> None:
    document = {"cell": cell.name, "identity": cell.identity, "result": result}
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
    write_atomically(workshop.result_file(cell), f"{text}\n".encode(), force=True)


def _make_folders(workshop: Workshop) -> None:
    for name in (CELLS, MADE, MODELS, CLAIMS):
        folder = workshop.folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be made: {error.strerror or error}") from error
        remove_orphans(folder)
