"""The settings and photos of a study -> sources and cells, so that equal ones of two experiments are one cell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gsdd.distill.recipe import Recipe
from gsdd.metrics.registry import Files
from gsdd.study.cells import Cell, Result, Workshop, in_order, read_result, stem
from gsdd.study.making import NOT_DISTILLED, CoresetCell, DistillationCell
from gsdd.study.photos import Photos
from gsdd.study.score_cell import ScoreCell
from gsdd.study.settings import StudySettings
from gsdd.study.sources import AllCrops, Coreset, Latents, RandomCrops, Source, StoredCrops, UpscaledCrops, WholePhotos
from gsdd.study.storing import StoredCell
from gsdd.study.training_cell import Looks, TrainingCell


@dataclass(frozen=True, eq=False)
class StudyPlan:
    """What experiments make their cells of.

    Attributes:
        settings: of the study.
        train: photos that everything is made of.
        test: photos that students are scored on.
        files: weights of metrics that the user has.
        tuned: whether the test photos are held-out training photos.
    """

    settings: StudySettings
    train: Photos
    test: Photos
    files: Files = field(default_factory=Files)
    tuned: bool = False

    @property
    def classes(self) -> int:
        """How many classes the training photos have."""
        return len(self.train.catalog.classes)

    def full(self) -> Source:
        """Give full data."""
        if self.settings.full == "photos":
            return WholePhotos(self.train, self.settings.hr_size)
        return AllCrops(self.train, self.settings.hr_size)

    def random(self, ipc: int, draw: int) -> Source:
        """Give random crops."""
        return RandomCrops(self.train, self.settings.hr_size, ipc, draw)

    def coreset(self, ipc: int, draw: int) -> Source:
        """Give a coreset by the method of the settings."""
        made = CoresetCell(self.train, self.settings.hr_size, ipc, draw, self.settings.coreset)
        return Coreset(made, f"coreset, {made.method}")

    def upscaled(self, ipc: int, draw: int, generator: str) -> Source:
        """Give G of the down-sampled crops."""
        crops = Recipe.from_options(self.settings.preset, self.settings.distillation).crops
        return UpscaledCrops(self.train, self.settings.hr_size, ipc, draw, self.settings.generators[generator], crops)

    def inverted(self, ipc: int, draw: int, generator: str, **options: Any) -> Source:  # noqa: ANN401
        """Give G of the inverted latents; options are further fields of `Recipe`."""
        return Latents(self.latents(ipc, draw, generator, "inverted", **{**options, **NOT_DISTILLED}), "inverted")

    def distilled(self, ipc: int, draw: int, generator: str, **options: Any) -> Source:  # noqa: ANN401
        """Give G of the distilled latents; options are further fields of `Recipe`."""
        made = self.latents(ipc, draw, generator, "distilled", **options)
        return Latents(made, f"distilled, {made.recipe.features}")

    def latents(self, ipc: int, draw: int, generator: str, kind: str, **options: Any) -> DistillationCell:  # noqa: ANN401
        """Give the cell that makes latents."""
        return DistillationCell(
            self.train, self.settings.hr_size, ipc, draw, self.settings.generators[generator],
            self.settings.preset, {**self.settings.distillation, **options}, kind,
        )  # fmt: skip

    def stored(self, rival: Source, quality: int, more: int = 0) -> Source:
        """Give random crops as AVIF, in the bytes of a rival's file, or in more."""
        made = rival.needs[0]
        if not isinstance(made, DistillationCell):
            raise TypeError(f"{rival.label} has no file to compare bytes with")
        bytes_given = "equal bytes" if not more else "in the bytes of file and generator"
        return StoredCrops(StoredCell(made, quality, more), f"random crops as AVIF {quality}, {bytes_given}")

    def scored(self, source: Source, student: str, seed: int, *, curve: bool = False) -> ScoreCell:
        """Give the cell that scores a student, and needs its training on a source."""
        every = self.settings.curve_every
        looks = Looks(self.test, every) if curve and every else None
        trained = TrainingCell(source, self.settings.recipe(student, seed), looks)
        return ScoreCell(trained, self.test, self.settings.metrics, self.files)


@dataclass(frozen=True)
class Results:
    """What is known of the cells of a study.

    Attributes:
        by_stem: results by the stem of their files.
    """

    by_stem: Mapping[str, Result]

    @classmethod
    def read(cls, cells: "tuple[Cell, ...]", workshop: Workshop) -> "Results":
        """Read the results that there are."""
        found = {stem(cell): read_result(cell, workshop) for cell in in_order(cells)}
        return cls({name: result for name, result in found.items() if result is not None})

    def of(self, cell: Cell) -> Result | None:
        """Give the result of a cell; None where it was not worked out yet."""
        return self.by_stem.get(stem(cell))

    def score(self, cell: Cell, metric: str) -> float | None:
        """Give a score that a cell found; None where there is none."""
        result = self.of(cell)
        value = result["scores"].get(metric) if result else None
        return None if value is None else float(value)
