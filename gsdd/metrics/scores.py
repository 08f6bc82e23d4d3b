"""What an evaluation found: a mean a metric, or why there is none, and the values of each photo."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gsdd.data.catalog import Skipped
from gsdd.data.degradation import SCALE
from gsdd.metrics.measure import Measure
from gsdd.metrics.registry import Metric

# By what a table says.
NOT_FINITE = {
    "inf": "is infinite: the image equals the photo, as a flat one may; it counts in no mean",
    "nan": "is no number; it counts in no mean",
}


@dataclass(frozen=True)
class PhotoScores:
    """What a photo scored.

    Attributes:
        path: of the photo, relative to the folder.
        width: as compared, in pixels; a multiple of the scale.
        height: likewise.
        cropped: whether pixels were cut off at the right or the bottom for that, as BasicSR's mod_crop does.
        values: by the metric's name; all are finite.
        left_out: why a metric has no value here, by its name: the photo is too small for it, or the value is infinite.
    """

    path: str
    width: int
    height: int
    cropped: bool
    values: Mapping[str, float]
    left_out: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Give the photo's facts and values, and why others are left out."""
        return {**self._facts(), **self.values, "left_out": dict(self.left_out)}

    def cells(self) -> dict[str, Any]:
        """Give a row of a table: facts and values, and "inf" or "nan" where a value is that."""
        marks = {reason: mark for mark, reason in NOT_FINITE.items()}
        left_out = {name: marks.get(reason, "") for name, reason in self.left_out.items()}
        return {**self._facts(), **self.values, **left_out}

    def _facts(self) -> dict[str, Any]:
        return {"path": self.path, "width": self.width, "height": self.height, "cropped": self.cropped}


@dataclass(frozen=True)
class Score:
    """A metric over all photos.

    Attributes:
        metric: the metric with its convention.
        implementation: whose code, and which weights; empty where the metric is missing.
        mean: over the photos that have a value, each counted once whatever its size; None where none has.
        images: how many photos that is.
        missing: why there is no number; None where there is one.
    """

    metric: Metric
    implementation: str
    mean: float | None
    images: int
    missing: str | None

    def to_dict(self) -> dict[str, Any]:
        """Give the mean with all that it takes to compare it with another."""
        convention = self.metric.convention
        return {
            "metric": self.metric.name,
            "mean": self.mean,
            "images": self.images,
            "missing": self.missing,
            "unit": self.metric.unit,
            "better": self.metric.better,
            "channel": convention.channel,
            "shave": convention.shave,
            "rounded": convention.rounded,
            "range": list(convention.range),
            "implementation": self.implementation,
        }


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on a folder of photos.

    Attributes:
        scores: one a metric.
        photos: one a photo, in the order of the catalog.
        sha256: of the folder's photos (`Catalog.sha256`).
        skipped: files that were not used, and why.
        scale: HR side / LR side.
        model: its name; empty where a function was scored.
        about: its architecture, size and weights.
    """

    scores: tuple[Score, ...]
    photos: tuple[PhotoScores, ...]
    sha256: str
    skipped: tuple[Skipped, ...]
    scale: int = SCALE
    model: str = ""
    about: str = ""

    @property
    def cropped(self) -> int:
        """How many photos were cropped to multiples of the scale."""
        return sum(photo.cropped for photo in self.photos)

    def mean(self, name: str) -> float | None:
        """Give the mean of a metric by its name; None where it is missing."""
        return next(score.mean for score in self.scores if score.metric.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Give the whole evaluation as JSON values; None stands for what is missing."""
        return {
            "model": self.model,
            "about": self.about,
            "scale": self.scale,
            "images": len(self.photos),
            "sha256": self.sha256,
            "cropped": self.cropped,
            "skipped": [{"path": item.path, "reason": item.reason} for item in self.skipped],
            "metrics": [score.to_dict() for score in self.scores],
            "photos": [photo.to_dict() for photo in self.photos],
        }


def score(metric: Metric, measure: Measure | str, photos: Sequence[PhotoScores]) -> Score:
    """Average a metric over the photos.

    Args:
        metric: the metric.
        measure: what measured it, or why nothing did.
        photos: what they scored, at least one.

    Returns:
        The metric's score.
    """
    if isinstance(measure, str):
        return Score(metric, "", None, 0, measure)
    values = [photo.values[metric.name] for photo in photos if metric.name in photo.values]
    if not values:
        return Score(metric, measure.implementation, None, 0, photos[0].left_out[metric.name])
    return Score(metric, measure.implementation, sum(values) / len(values), len(values), None)


def not_finite(value: float) -> str:
    """Say why a value counts in no mean; empty where it is a number."""
    return "" if math.isfinite(value) else NOT_FINITE[str(abs(value))]
