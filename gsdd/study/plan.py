"""The settings and photos of a study -> sources and cells, so that equal ones of two experiments are one cell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from gsdd.configuration import with_settings
from gsdd.metrics.registry import Files
from gsdd.recipe import Recipe, StartingCrops
from gsdd.study.cells import Cell, Result, Workshop, in_order, read_result, stem
from gsdd.study.making import CoresetCell, DistillationCell
from gsdd.study.photos import Photos
from gsdd.study.report import mean, score_text
from gsdd.study.score_cell import ScoreCell
from gsdd.study.settings import StudySettings
from gsdd.study.sources import (
    Source,
    all_crops,
    coreset_crops,
    latents,
    random_crops,
    stored_crops,
    upscaled_crops,
    whole_photos,
)
from gsdd.study.storing import StoredCell
from gsdd.study.training_cell import TrainingCell

Changes = Mapping[str, Any]
NO_CHANGES: Changes = MappingProxyType({})
CHOSEN_BY: Mapping[StartingCrops, str] = MappingProxyType({"random": "random", "herding": "herded"})


@dataclass(frozen=True, eq=False)
class StudyPlan:
    """What experiments make their cells of.

    Attributes:
        settings: of the study.
        train: photos that everything is made of.
        test: photos that students are scored on.
        files: weights of metrics that the user has.
        tuned: whether the test photos are held-out training photos.
        tuning: the same study on training photos of which a fifth is held out, for choices that the test photos shall
            have no part in; None makes them on the test photos themselves.
    """

    settings: StudySettings
    train: Photos
    test: Photos
    files: Files = field(default_factory=Files)
    tuned: bool = False
    tuning: "StudyPlan | None" = None

    @property
    def classes(self) -> int:
        """How many classes the training photos have."""
        return len(self.train.catalog.classes)

    def full(self) -> Source:
        """Give full data."""
        return (whole_photos if self.settings.full == "photos" else all_crops)(self.train, self.settings.hr_size)

    def random(self, ipc: int, draw: int) -> Source:
        """Give random crops."""
        return random_crops(self.train, self.settings.hr_size, ipc, draw)

    def coreset(self, ipc: int, draw: int) -> Source:
        """Give a coreset by the method of the settings."""
        return coreset_crops(CoresetCell(self.train, self.settings.hr_size, ipc, draw, self.settings.coreset))

    def upscaled(self, ipc: int, draw: int, generator: str) -> Source:
        """Give G of the down-sampled crops."""
        weights, method = self.settings.generators[generator], self.settings.distillation_recipe().crops.method
        return upscaled_crops(self.train, self.settings.hr_size, ipc, draw, weights, method)

    def inverted(self, ipc: int, draw: int, generator: str, changes: Changes = NO_CHANGES) -> Source:
        """Give G of the inverted latents; changes are of the recipe, by path."""
        recipe = self._recipe(ipc, draw, generator, {**changes, "matching.iterations": 0})
        return latents(DistillationCell(self.train, recipe, "inverted"), "inverted")

    def distilled(self, ipc: int, draw: int, generator: str, changes: Changes = NO_CHANGES) -> Source:
        """Give G of the distilled latents; changes are of the recipe, by path."""
        recipe = self._recipe(ipc, draw, generator, changes)
        return latents(DistillationCell(self.train, recipe), f"distilled, {recipe.features.family}")

    def _recipe(self, ipc: int, draw: int, generator: str, changes: Changes) -> Recipe:
        own = {"crops.ipc": ipc, "seed": draw, "generator": self.settings.generators[generator]}
        return self.settings.distillation_recipe().changed({**changes, **own})

    def stored(self, method: StartingCrops, quality: int, draw: int, room: int | Source, more: int = 0) -> Source:
        """Give real crops as AVIF, in some bytes or in those of a distilled file; or in so many more."""
        made = room if isinstance(room, int) else room.needs[0]
        if not isinstance(made, int | DistillationCell):
            raise TypeError(f"{made} has no file to compare bytes with")
        cell = StoredCell(self.train, self.settings.hr_size, draw, method, quality, made, more)
        bytes_given = "equal bytes" if not more else "in the bytes of file and generator"
        return stored_crops(cell, f"{CHOSEN_BY[method]} crops as AVIF {quality}, {bytes_given}")

    def part(self, *, draws: tuple[int, ...] | None = None, seeds: tuple[int, ...] | None = None) -> "StudyPlan":
        """Give the same plan with other draws, or seeds; None leaves them."""
        given = {"draws": draws, "seeds": seeds}
        chosen = {name: value for name, value in given.items() if value is not None}
        return replace(self, settings=with_settings(self.settings, chosen))

    def scored(self, source: Source, student: str, seed: int, *, curve: bool = False) -> ScoreCell:
        """Give the cell that scores a student, and needs its training on a source."""
        every = self.settings.curve_every
        watched = self.test if curve and every else None
        trained = TrainingCell(source, self.settings.training_recipe(student, seed), watched, every)
        return ScoreCell(trained, self.test, self.settings.metrics, self.files)


@dataclass(frozen=True)
class Results:
    """What is known of the cells of a study.

    Attributes:
        by_stem: results by the stem of their files.
        workshop: where the cells were worked out.
    """

    by_stem: Mapping[str, Result]
    workshop: Workshop

    @classmethod
    def read(cls, cells: tuple[Cell, ...], workshop: Workshop) -> "Results":
        """Read the results that there are."""
        found = {stem(cell): read_result(cell, workshop) for cell in in_order(cells)}
        return cls({name: result for name, result in found.items() if result is not None}, workshop)

    def of(self, cell: Cell) -> Result | None:
        """Give the result of a cell; None where it was not worked out yet."""
        return self.by_stem.get(stem(cell))

    def score(self, cell: Cell, metric: str) -> float | None:
        """Give a score that a cell found; None where there is none."""
        result = self.of(cell)
        value = result["scores"].get(metric) if result else None
        return None if value is None else float(value)

    def mean(self, cells: Iterable[Cell], metric: str) -> float | None:
        """Average a score over those cells that have it."""
        return mean(self.score(cell, metric) for cell in cells)

    def texts(self, cells: Sequence[Cell], metrics: Iterable[str]) -> tuple[str, ...]:
        """Spell the mean of each score."""
        return tuple(score_text(self.mean(cells, metric), metric) for metric in metrics)
