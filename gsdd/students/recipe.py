"""Everything that decides what a training computes from its pairs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from gsdd.errors import RecipeError
from gsdd.generators.generator import SCALE
from gsdd.option import check_options, option
from gsdd.students.named import find_student
from gsdd.students.perceptual import Trunk

Schedule = Literal["cosine", "step", "constant"]
Precision = Literal["fp32", "bf16"]
StudentSize = Literal["full", "small"]


@dataclass(frozen=True)
class TrainingRecipe:
    """The choices of a training: a stage with L1, and where `gan_iterations` is not 0 one with L1 + perceptual + GAN.

    Source of the second stage and its values: Wang et al., "Real-ESRGAN", ICCV workshops 2021; of their options,
        xinntao/Real-ESRGAN@0011624, options/train_realesrgan_x4plus.yml.
    """

    student: str = option("small", "Name of the network; gsdd students lists them.")
    size: StudentSize = option("full", "As its authors have it, or one that two CPU cores can train.")
    iterations: int = option(1200, "Steps with L1 alone.", 0)
    batch: int = option(8, "Crops a step.", 1)
    crop: int = option(96, "Side of an HR crop in pixels, a multiple of 4.", 16)
    lr: float = option(5e-4, "Learning rate of Adam.", 0)
    beta1: float = option(0.9, "Adam's decay of the mean gradient.", 0, 0.99999)
    beta2: float = option(0.99, "Adam's decay of the squared gradient.", 0, 0.99999)
    schedule: Schedule = option(
        "cosine", "Of lr: down to 0, halved after 50, 80, 90 and 95 % of the iterations, or constant."
    )
    ema: float = option(
        0.999, "Decay of the averaged weights, which are the result; less at first. 0 averages nothing.", 0, 1
    )
    gan_iterations: int = option(0, "Further steps with L1 + perceptual + GAN; 0 skips them.", 0)
    gan_lr: float = option(1e-4, "Learning rate of these, of student and discriminator; constant.", 0)
    pixel_weight: float = option(1.0, "Weight of L1 beside the GAN.", 0)
    perceptual_weight: float = option(1.0, "Weight of the perceptual term.", 0)
    gan_weight: float = option(0.1, "Weight of the GAN term.", 0)
    perceptual: Trunk = option(
        "auto", "Features of the perceptual term; auto takes the first of the others that is on this machine."
    )
    discriminator_channels: int = option(64, "Width of the discriminator.", 1)
    precision: Precision = option("fp32", "bf16 is autocast, for processors that have it.")
    seed: int = option(0, "Seed of every random draw.")

    def __post_init__(self) -> None:
        """Refuse values that make no training."""
        check_options(self)
        find_student(self.student)
        if self.crop % SCALE:
            raise RecipeError(f"recipe: crop: got {self.crop}, wanted a multiple of {SCALE}")
        if self.steps < 1:
            raise RecipeError("recipe: iterations and gan_iterations are both 0; wanted at least one step")

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> "TrainingRecipe":
        """Override some of the defaults.

        Args:
            options: values by field name; None means the default.

        Returns:
            The recipe.

        Raises:
            RecipeError: an unknown option, or a value out of range.
        """
        known = [entry.name for entry in fields(cls)]
        if unknown := sorted(set(options) - set(known)):
            raise RecipeError(f"recipe: unknown options {unknown}; known are {known}")
        return cls(**{name: value for name, value in options.items() if value is not None})

    @property
    def steps(self) -> int:
        """Steps of both stages."""
        return self.iterations + self.gan_iterations

    def to_dict(self) -> dict[str, Any]:
        """Return the values by field name, as JSON has them."""
        return asdict(self)
