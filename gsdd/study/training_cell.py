"""A cell that trains one student from one source with one seed."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gsdd.data.degradation import SCALE
from gsdd.errors import OutputError
from gsdd.monitor import SILENT
from gsdd.students.batches import Batches
from gsdd.students.checkpoint import save
from gsdd.students.pairs import Pairs
from gsdd.students.recipe import TrainingRecipe
from gsdd.students.sources import read_folder
from gsdd.students.trainer import Trainer
from gsdd.students.training import AfterStep, Keeping, find_features, train_resumably, trained
from gsdd.students.validation import Validation
from gsdd.study.cells import Cell, Result, Workshop
from gsdd.study.photos import Photos
from gsdd.study.sources import Source


@dataclass(frozen=True)
class TrainingCell:
    """One training; its student is a file that other cells score.

    Attributes:
        source: what is trained on.
        recipe: of the training, seed and student among it.
        test: photos, of which one a class is looked at while the student trains; None looks at none.
        every: steps between two looks.
    """

    source: Source
    recipe: TrainingRecipe
    test: Photos | None = None
    every: int = 0

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
            "looks": self.test and {"test": self.test.sha256, "every": self.every},
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
        trainer = _train(self, data.pairs, workshop)
        return {
            "pairs": len(data.pairs),
            "bytes": data.bytes,
            "codec": data.codec,
            # The median: what else a machine does now and then is none of a step's doing.
            "seconds": {"read": read_seconds, "step": statistics.median(trainer.seconds) if trainer.seconds else None},
            "curve": trainer.curve.validations,
            "threads": torch.get_num_threads(),
        }


def _train(cell: TrainingCell, pairs: Pairs, workshop: Workshop) -> Trainer:
    path, features = workshop.model_file(cell), find_features(cell.recipe)
    batches = Batches(pairs, cell.recipe)
    trainer = Trainer(batches, cell.recipe, features.perceptual, torch.device(workshop.device))
    identity = {**cell.identity, **features.facts(pairs.sha256)}
    keeping = Keeping(workshop.checkpoint_seconds, monitor=workshop.monitor)
    journal = train_resumably(trainer, path, identity, _look(cell), keeping)
    save(trained(trainer, features).network, cell.recipe.student, path, training=cell.identity, force=True)
    journal.end()
    return trainer


def _look(cell: TrainingCell) -> AfterStep:
    if cell.test is None:
        return lambda trainer: None
    photos = read_folder(cell.test.folder, SCALE, "skip", SILENT)
    first_of_each_class = [photos.classes.index(name) for name in dict.fromkeys(photos.classes)]
    return Validation(photos.some(first_of_each_class), cell.every).after_step


def check_model(cell: TrainingCell, workshop: Workshop) -> Path:
    """Find the student of a cell that was worked out.

    Raises:
        OutputError: it is gone.
    """
    path = workshop.model_file(cell)
    if not path.is_file():
        raise OutputError(f"{path}: is gone; remove {workshop.result_file(cell)} to train the student again")
    return path
