"""A cell that scores a trained student on photos; other photos or metrics need no other training."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from gsdd.formats.digest import file_digest
from gsdd.metrics.evaluation import score_folder
from gsdd.metrics.registry import Files
from gsdd.metrics.scores import Evaluation
from gsdd.students.models import find_model
from gsdd.study.cells import Cell, Result, Workshop
from gsdd.study.photos import Photos
from gsdd.study.training_cell import TrainingCell, check_model


@dataclass(frozen=True)
class ScoreCell:
    """A student's scores.

    Attributes:
        trained: the training of the student.
        test: photos to score on.
        metrics: names of metrics.
        files: weights of metrics that the user has.
    """

    trained: TrainingCell
    test: Photos
    metrics: tuple[str, ...]
    files: Files = field(default_factory=Files)

    @property
    def name(self) -> str:
        """What it is, in letters that file names may have."""
        return f"scores-of-{self.trained.name}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its result."""
        return {
            "trained": self.trained.identity,
            "test": self.test.sha256,
            "metrics": list(self.metrics),
            "weights": digests(self.files),
        }

    @property
    def needs(self) -> tuple[Cell, ...]:
        """The training of the student."""
        return (self.trained,)

    def run(self, workshop: Workshop) -> Result:
        """Score the student."""
        began = time.monotonic()
        found = score_folder(
            find_model(str(check_model(self.trained, workshop)), device=workshop.device), self.test.folder,
            self.metrics, files=self.files, on_bad_image="skip", device=workshop.device, monitor=workshop.monitor,
        )  # fmt: skip
        return {**result_of(found), "seconds": {"evaluate": time.monotonic() - began}}


def result_of(found: Evaluation) -> Result:
    """Keep the mean of each metric, over how many photos it is, and why one is missing."""
    return {
        "scores": {each.metric.name: each.mean for each in found.scores if each.mean is not None},
        "missing": {each.metric.name: each.missing for each in found.scores if each.mean is None},
        "counted": {each.metric.name: each.images for each in found.scores if each.mean is not None},
        "photos": len(found.photos),
    }


@cache
def digests(files: Files) -> Mapping[str, str]:
    """Tell weights that a user has given apart by what is in them, by the name of the option."""
    return {name: file_digest(path) for name, path in vars(files).items() if path is not None}
