"""The one config of a study: generators x latents a class x students x seeds, and how each cell is worked out."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from gsdd.baselines.method import METHODS, Method
from gsdd.distill.recipe import Recipe
from gsdd.errors import RecipeError
from gsdd.metrics.registry import find_metrics
from gsdd.students.recipe import TrainingRecipe

Full = Literal["crops", "photos"]
COMPACT = "realesr-animevideov3"
# Fields of the recipes that cells set themselves.
OF_CELLS = ("hr_size", "seed", "lam")
RIVALS = ("full", "random", "coreset", "avif", "upscaled")


@dataclass(frozen=True)
class StudySettings:
    """What a study runs.

    Attributes:
        generators: names or paths of weights, by what the tables call them; the paper's own names put its rows beside.
        own_students: the student that table1 trains with a generator, by the generator's name in `generators`.
        students: names of students, each "NAME" in its authors' size or "NAME:small".
        ipc: latents a class, the columns of table1.
        main_ipc: latents a class where an experiment has one number.
        shown_ipc: latents a class that fig6 and fig8 compare.
        lams: lambda of Eq. 9 that fig8 compares.
        draws: seeds of the distillations, and of the crops and coresets that they are compared with.
        seeds: seeds of the students.
        hr_size: side of an HR crop in pixels.
        metrics: of tables with references; the first decides the rival's best AVIF quality and times to quality.
        blind_metrics: of table2, which has no references.
        blind_size: side of the squares that table2 enlarges, cut from the middle of each photo; 0 is whole photos.
        preset: of the distillations.
        distillation: fields of `Recipe` that are otherwise than in the preset.
        families: of psi, that the comparison distils with.
        training: fields of `TrainingRecipe`.
        rivals: what the comparison sets distilled and inverted data against.
        coreset: the method of that rival.
        avif_qualities: that the rival may choose from.
        full: what full data are: all tiles of the photos, or whole photos.
        budgets: bytes of the files that the rate curve compares.
        curve_every: steps between two looks at the quality, for times to quality; 0 has none.
    """

    generators: Mapping[str, str] = field(default_factory=lambda: {"compact": COMPACT})
    own_students: Mapping[str, str] = field(default_factory=dict)
    students: tuple[str, ...] = ("small",)
    ipc: tuple[int, ...] = (1, 5, 10, 20)
    main_ipc: int = 5
    shown_ipc: tuple[int, ...] = (1, 5)
    lams: tuple[float, ...] = (0.0, 0.1, 0.2, 1.0)
    draws: tuple[int, ...] = (0, 1, 2)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    hr_size: int = 128
    metrics: tuple[str, ...] = ("psnr-y", "ssim-y", "st-lpips")
    blind_metrics: tuple[str, ...] = ("niqe", "nrqm", "pi")
    blind_size: int = 128
    preset: str = "quick"
    distillation: Mapping[str, Any] = field(default_factory=dict)
    families: tuple[str, ...] = ("local-fourier",)
    training: Mapping[str, Any] = field(default_factory=dict)
    rivals: tuple[str, ...] = RIVALS
    coreset: Method = "herding"
    avif_qualities: tuple[int, ...] = (40, 60, 80)
    full: Full = "crops"
    budgets: tuple[int, ...] = (2_000, 8_000, 32_000, 128_000)
    curve_every: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no study, before any cell is worked out."""
        for name in ("generators", "students", "ipc", "shown_ipc", "lams", "draws", "seeds", "families", "budgets"):
            if not getattr(self, name):
                raise RecipeError(f"study: {name}: got none, wanted at least one")
        if self.coreset not in METHODS:
            raise RecipeError(f"study: coreset: got {self.coreset!r}, wanted one of {METHODS}")
        if strangers := sorted(set(self.rivals) - {*RIVALS}):
            raise RecipeError(f"study: rivals: got {strangers}, wanted some of {', '.join(RIVALS)}")
        if self.full not in ("crops", "photos"):
            raise RecipeError(f"study: full: got {self.full!r}, wanted 'crops' or 'photos'")
        _check_none_of_cells(self.distillation, self.training)
        if wrong := [quality for quality in self.avif_qualities if not 0 <= quality <= 100]:
            raise RecipeError(f"study: avif_qualities: got {wrong}, wanted numbers from 0 to 100")
        for name in ("metrics", "blind_metrics"):
            # Results go by the name of each convention, and "psnr" is two.
            object.__setattr__(self, name, tuple(metric.name for metric in find_metrics(getattr(self, name))))
        Recipe.from_options(self.preset, {**self.distillation, "hr_size": self.hr_size})
        for student in (*self.students, *self.own_students.values()):
            self.recipe(student, 0)
        if unknown := self.own_students.keys() - self.generators.keys():
            raise RecipeError(f"study: own_students: got {sorted(unknown)}, wanted names of {list(self.generators)}")

    @classmethod
    def from_options(cls, base: "StudySettings", options: Mapping[str, Any]) -> "StudySettings":
        """Override some values.

        Args:
            base: what the others are.
            options: values by field name, as TOML or JSON has them.

        Returns:
            The settings.

        Raises:
            RecipeError: an unknown field, or a value that makes no study.
        """
        known = {entry.name: entry for entry in fields(cls)}
        if unknown := sorted(options.keys() - known.keys()):
            raise RecipeError(f"study: unknown settings {unknown}; known are {list(known)}")
        values = {name: _typed(name, value, getattr(base, name)) for name, value in options.items()}
        return replace(base, **values)

    def recipe(self, student: str, seed: int) -> TrainingRecipe:
        """Give the recipe of a training.

        Args:
            student: "NAME" or "NAME:small".
            seed: of the training.

        Returns:
            The recipe.

        Raises:
            RecipeError: there is no such student or size, or an option makes no training.
        """
        name, _, size = student.partition(":")
        given = {"student": name, "seed": seed, **({"size": size} if size else {})}
        return TrainingRecipe.from_options({**self.training, **given})


def read_settings(path: Path) -> dict[str, Any]:
    """Read settings from a TOML file.

    Args:
        path: the file.

    Returns:
        Values by name, for `StudySettings.from_options`.

    Raises:
        RecipeError: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecipeError(f"{path}: cannot be read as TOML: {reason}") from error


def _typed(name: str, value: Any, like: Any) -> Any:  # noqa: ANN401
    """Turn a list into a tuple where one is wanted, and refuse what is of another type."""
    if isinstance(like, tuple) and isinstance(value, list | tuple) and value:
        kind = type(like[0])
        return tuple(_typed(name, each, like[0]) for each in value) if kind is not tuple else tuple(value)
    whole_for_float = isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool)
    wanted = Mapping if isinstance(like, Mapping) else type(like)
    if whole_for_float or (isinstance(value, wanted) and isinstance(value, bool) == isinstance(like, bool)):
        return value
    raise RecipeError(
        f"study: {name}: got {value!r}, wanted {'a list' if isinstance(like, tuple) else wanted.__name__}"
    )


def _check_none_of_cells(distillation: Mapping[str, Any], training: Mapping[str, Any]) -> None:
    for what, options in (("distillation", distillation), ("training", training)):
        if given := sorted(set(options) & {*OF_CELLS, "student", "size"}):
            raise RecipeError(f"study: {what}: got {given}, which the study sets itself; leave them out")
