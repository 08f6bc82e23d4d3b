"""The one config of a study: generators x latents a class x students x seeds, and how each cell is worked out."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

from gsdd.configuration import About, configuration
from gsdd.errors import RecipeError
from gsdd.metrics.registry import find_metrics
from gsdd.recipe import Recipe
from gsdd.selection.method import Method
from gsdd.students.recipe import TrainingRecipe

Baseline = Literal["full", "random", "coreset", "avif", "upscaled"]
BASELINES: tuple[Baseline, ...] = ("full", "random", "coreset", "avif", "upscaled")
Values = Mapping[str, int | float | str | bool]
COMPACT = "realesr-animevideov3"
# What cells set themselves, in the recipe of the distillations and of the trainings.
OF_CELLS = (
    "crops.classes", "crops.hr_size", "crops.ipc", "generator", "seed", "matching.lam", "student", "size", "scale",
)  # fmt: skip


@configuration
class StudySettings:
    """What a study runs."""

    generators: Annotated[
        Mapping[str, str],
        About("Names or paths of weights, by what tables call them; the paper's own names put its rows beside."),
    ] = field(default_factory=lambda: {"compact": COMPACT})
    own_students: Annotated[
        Mapping[str, str], About("The student that table1 trains with a generator, by its name in `generators`.")
    ] = field(default_factory=dict)
    students: Annotated[tuple[str, ...], About("Names of students, each NAME in its authors' size or NAME:small.")] = (
        "small",
    )
    ipc: Annotated[tuple[int, ...], About("Latents a class, the columns of table1.")] = (1, 5, 10, 20)
    main_ipc: Annotated[int, About("Latents a class where an experiment has one number.", 1)] = 5
    shown_ipc: Annotated[tuple[int, ...], About("Latents a class that fig6 and fig8 compare.")] = (1, 5)
    lams: Annotated[tuple[float, ...], About("Lambda of Eq. 9 that fig8 compares.")] = (0.0, 0.1, 0.2, 1.0)
    draws: Annotated[
        tuple[int, ...], About("Seeds of the distillations, and of the crops and coresets they are compared with.")
    ] = (0, 1, 2)
    seeds: Annotated[tuple[int, ...], About("Seeds of the students.")] = (0, 1, 2, 3, 4)
    hr_size: Annotated[int, About("Side of an HR crop in pixels.", 32)] = 128
    metrics: Annotated[
        tuple[str, ...],
        About("Of tables with references; the first decides times to quality."),
    ] = ("psnr-y", "ssim-y", "st-lpips")
    blind_metrics: Annotated[tuple[str, ...], About("Of table2, which has no references.")] = ("niqe", "nrqm", "pi")
    blind_size: Annotated[
        int, About("Side of the squares that table2 enlarges, cut from the middle of photos; 0 is whole photos.", 0)
    ] = 128
    preset: Annotated[str, About("Of the distillations.")] = "quick"
    distillation: Annotated[Values, About("Settings of `Recipe` by path, that are otherwise than in the preset.")] = (
        field(default_factory=dict)
    )
    families: Annotated[tuple[str, ...], About("Of psi, that the comparison distils with.")] = ("local-fourier",)
    training: Annotated[Values, About("Settings of `TrainingRecipe`.")] = field(default_factory=dict)
    baselines: Annotated[
        tuple[Baseline, ...], About("What the comparison sets distilled and inverted data against.")
    ] = BASELINES
    coreset: Annotated[Method, About("The method of that baseline.")] = "herding"
    avif_qualities: Annotated[tuple[int, ...], About("That AVIF may choose from, 0 to 100.")] = (40, 60, 80)
    full: Annotated[
        Literal["crops", "photos"], About("What full data are: all tiles of the photos, or whole photos.")
    ] = "crops"
    budgets: Annotated[tuple[int, ...], About("Bytes of the files that the rate curve compares.")] = (
        2_000, 8_000, 32_000, 128_000,
    )  # fmt: skip
    seeds_of: Annotated[
        Mapping[str, tuple[int, ...]],
        About("Of the rate curve: seeds at a number of bytes, or of a student, if not `seeds`."),
    ] = field(default_factory=dict)
    budgets_of: Annotated[
        Mapping[str, tuple[int, ...]],
        About("Of the rate curve: bytes of a generator, or a student, if not `budgets`."),
    ] = field(default_factory=dict)
    curve_every: Annotated[
        int, About("Steps between two looks at the quality, for times to quality; 0 has none.", 0)
    ] = 0

    def check(self) -> None:
        """Refuse what makes no study, before any cell is worked out."""
        for name in ("generators", "students", "ipc", "shown_ipc", "lams", "draws", "seeds", "families", "budgets"):
            if not getattr(self, name):
                raise RecipeError(f"`StudySettings.{name}`: got none, wanted at least one")
        if wrong := [quality for quality in self.avif_qualities if not 0 <= quality <= 100]:
            raise RecipeError(f"`StudySettings.avif_qualities`: got {wrong}, wanted numbers from 0 to 100")
        for name, known in self._parts_of_rate.items():
            if strange := sorted({*getattr(self, name)} - known):
                raise RecipeError(f"`StudySettings.{name}`: got {strange}, wanted some of {sorted(known)}")
        for name in ("distillation", "training"):
            if given := sorted({*getattr(self, name)} & {*OF_CELLS}):
                raise RecipeError(f"`StudySettings.{name}`: got {given}, which the study sets itself; leave them out")
        for name in ("metrics", "blind_metrics"):
            # Results go by the name of each convention, and "psnr" is two.
            object.__setattr__(self, name, tuple(metric.name for metric in find_metrics(getattr(self, name))))
        self.distillation_recipe()
        for student in (*self.students, *self.own_students.values()):
            self.training_recipe(student, 0)
        if unknown := self.own_students.keys() - self.generators.keys():
            wanted = f"names of {list(self.generators)}"
            raise RecipeError(f"`StudySettings.own_students`: got {sorted(unknown)}, wanted {wanted}")

    @property
    def _parts_of_rate(self) -> dict[str, set[str]]:
        return {
            "seeds_of": {*self.students, *map(str, self.budgets)},
            "budgets_of": {*self.students, *self.generators},
        }

    @property
    def main_generator(self) -> str:
        """What the tables call the generator of experiments that have one: the last."""
        return list(self.generators)[-1]

    def distillation_recipe(self) -> Recipe:
        """Give the recipe of the distillations, but for what each sets itself."""
        fixed = {"crops.hr_size": self.hr_size, "crops.classes": "folders"}
        return Recipe.preset(self.preset).changed({**self.distillation, **fixed})

    def training_recipe(self, student: str, seed: int) -> TrainingRecipe:
        """Give the recipe of a training.

        Args:
            student: "NAME" or "NAME:small".
            seed: of the training.

        Raises:
            RecipeError: there is no such student or size, or a setting makes no training.
        """
        name, _, size = student.partition(":")
        given = {"student": name, "seed": seed, **({"size": size} if size else {})}
        return TrainingRecipe().changed({**self.training, **given})
