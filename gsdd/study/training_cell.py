"""A cell that trains one student from one source with one seed, and scores it on the test photos."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from gsdd.errors import OutputError
from gsdd.metrics.evaluation import evaluate
from gsdd.metrics.registry import Files
from gsdd.metrics.scores import Evaluation
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
from gsdd.study.models import find_model
from gsdd.study.photos import Photos
from gsdd.study.sources import Source


@dataclass(frozen=True)
class TrainingCell:
    """One training and its evaluation.

    Attributes:
        source: what is trained on.
        recipe: of the training, seed and student among it.
        test: photos to score on.
        metrics: names of metrics.
        curve_every: steps between two looks at the quality under way; 0 looks only at the end.
        files: weights of metrics that the user has.
    """

    source: Source
    recipe: TrainingRecipe
    test: Photos
    metrics: tuple[str, ...]
    curve_every: int = 0
    files: Files = field(default_factory=Files)

    @property
    def name(self) -> str:
        """What it is, in letters that file names may have."""
        return f"{self.recipe.student}-on-{self.source.name}-seed{self.recipe.seed}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its result."""
        return {
            "source": dict(self.source.identity),
            "training": self.recipe.to_dict(),
            "test": self.test.sha256,
            "metrics": list(self.metrics),
            "curve_every": self.curve_every,
        }

    @property
    def needs(self) -> Sequence[Cell]:
        """What makes the source's files."""
        return self.source.needs

    def run(self, workshop: Workshop) -> Result:
        """Train, write the student and score it; an interrupted training goes on from its checkpoint."""
        began = time.monotonic()
        data = self.source.data(workshop)
        read_seconds = time.monotonic() - began
        clock = _train(self, data.pairs, workshop)
        began = time.monotonic()
        scores = score_model(workshop.model_file(self), self, workshop)
        return {
            "pairs": len(data.pairs),
            "bytes": data.bytes,
            "codec": data.codec,
            "seconds": {
                "read": read_seconds,
                "step": clock.step_seconds,
                "evaluate": time.monotonic() - began,
            },
            "curve": clock.curve,
            "threads": torch.get_num_threads(),
            **scores,
        }


def score_model(path: Path, cell: TrainingCell, workshop: Workshop) -> dict[str, Any]:
    """Score a student that a cell has trained.

    Args:
        path: of the student.
        cell: what it was trained by.
        workshop: the study.

    Returns:
        "scores" and "missing", by metric, and the number of "photos".
    """
    found = evaluate(
        find_model(str(path), device=workshop.device), cell.test.folder, cell.metrics, files=cell.files,
        on_bad_image="skip", progress=workshop.progress,
    )  # fmt: skip
    return to_scores(found)


def to_scores(found: Evaluation) -> dict[str, Any]:
    """Take out of an evaluation what tables need."""
    return {
        "scores": {each.metric.name: each.mean for each in found.scores if each.mean is not None},
        "missing": {each.metric.name: each.missing for each in found.scores if each.mean is None},
        "photos": len(found.photos),
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
        path, {**cell.identity, "data (sha256 of the pairs)": pairs.sha256}, seconds=workshop.checkpoint_seconds,
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
    if not cell.curve_every:
        return lambda trainer: None
    photos = _one_of_each_class(read_folder(cell.test.folder, cell.recipe.crop, "skip", _silent, _unseen))
    return Validation(photos, cell.curve_every).after_step


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
