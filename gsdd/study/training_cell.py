"""A cell that trains one student from one source with one seed."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gsdd.errors import OutputError
from gsdd.generators.generator import SCALE
from gsdd.students.batches import Batches
from gsdd.students.checkpoint import save
from gsdd.students.journal import TrainingJournal
from gsdd.students.pairs import Pairs
from gsdd.students.recipe import TrainingRecipe
from gsdd.students.sources import read_folder
from gsdd.students.trainer import Trainer
from gsdd.students.training import find_features, run, trained
from gsdd.students.validation import Validation
from gsdd.study.cells import Cell, Result, Workshop
from gsdd.study.photos import Photos
from gsdd.study.sources import Source


@dataclass(frozen=True)
class Looks:
    """Looks at the quality while a student trains.

    Attributes:
        test: photos, of which one a class is looked at.
        every: steps between two looks.
    """

    test: Photos
    every: int

    def to_dict(self) -> dict[str, Any]:
        """Say what decides what they find."""
        return {"test": self.test.sha256, "every": self.every}


@dataclass(frozen=True)
class TrainingCell:
    """One training; its student is a file that other cells score.

    Attributes:
        source: what is trained on.
        recipe: of the training, seed and student among it.
        looks: at the quality under way; None has none.
    """

    source: Source
    recipe: TrainingRecipe
    looks: Looks | None = None

    @property
    def name(self) -> str:
        """What it is, in letters that file names may have."""
        size = "" if self.recipe.size == "full" else f"-{self.recipe.size}"
        return f"{self.recipe.student}{size}-on-{self.source.name}-seed{self.recipe.seed}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its result."""
        return {
            "source": dict(self.source.identity),
            "training": self.recipe.to_dict(),
            "looks": self.looks and self.looks.to_dict(),
        }

    @property
    def needs(self) -> Sequence[Cell]:
        """What makes the source's files."""
        return self.source.needs

    def run(self, workshop: Workshop) -> Result:
        """Train and write the student; an interrupted training goes on from its checkpoint."""
        began = time.monotonic()
        data = self.source.data(workshop)
        read_seconds = time.monotonic() - began
        clock = _train(self, data.pairs, workshop)
        return {
            "pairs": len(data.pairs),
            "bytes": data.bytes,
            "codec": data.codec,
            "seconds": {"read": read_seconds, "step": clock.step_seconds},
            "curve": clock.curve,
            "threads": torch.get_num_threads(),
        }


class _Clock:
    """Takes the time of steps, without that of looks at the quality and of checkpoints."""

    def __init__(self, looks: Callable[[Trainer], None], keep: Callable[[Trainer], None]) -> None:
        self._looks, self._keep = looks, keep
        self._seconds: list[float] = []
        self._mark = time.monotonic()
        self.curve: list[dict[str, float]] = []

    def after_step(self, trainer: Trainer) -> None:
        self._seconds.append(time.monotonic() - self._mark)
        self._looks(trainer)
        self.curve = trainer.curve.validations
        self._keep(trainer)
        self._mark = time.monotonic()

    @property
    def step_seconds(self) -> float | None:
        """The median: what else a machine does now and then is none of a step's doing."""
        return statistics.median(self._seconds) if self._seconds else None


def _train(cell: TrainingCell, pairs: Pairs, workshop: Workshop) -> _Clock:
    path, features = workshop.model_file(cell), find_features(cell.recipe)
    batches = Batches(pairs, cell.recipe)
    trainer = Trainer(batches, cell.recipe, features.perceptual, torch.device(workshop.device))
    journal = TrainingJournal(
        path, {**cell.identity, **features.facts(pairs.sha256)}, seconds=workshop.checkpoint_seconds,
        stop=workshop.stop, force=False,
    )  # fmt: skip
    if (state := journal.read()) is not None:
        trainer.load(state)
    clock = _Clock(_looks(cell), journal.keep)
    run(trainer, clock.after_step, workshop.progress)
    clock.curve = trainer.curve.validations
    save(trained(trainer, features).network, cell.recipe.student, path, training=cell.identity, force=True)
    journal.remove()
    return clock


def _looks(cell: TrainingCell) -> Callable[[Trainer], None]:
    if cell.looks is None:
        return lambda trainer: None
    photos = _one_of_each_class(read_folder(cell.looks.test.folder, SCALE, "skip", _silent, _unseen))
    return Validation(photos, cell.looks.every).after_step


def _one_of_each_class(pairs: Pairs) -> Pairs:
    first = [pairs.classes.index(name) for name in dict.fromkeys(pairs.classes)]
    hr, lr = (tuple(values[number] for number in first) for values in (pairs.hr, pairs.lr))
    classes, names = (tuple(values[number] for number in first) for values in (pairs.classes, pairs.names))
    return Pairs(hr, lr, classes, names)


def _silent(text: str) -> None:
    pass


def _unseen(stage: str, done: int, total: int) -> None:
    pass


def check_model(cell: TrainingCell, workshop: Workshop) -> Path:
    """Find the student of a cell that was worked out.

    Raises:
        OutputError: it is gone.
    """
    path = workshop.model_file(cell)
    if not path.is_file():
        raise OutputError(f"{path}: is gone; remove {workshop.result_file(cell)} to train the student again")
    return path
