"""Everything that decides what a training computes from its pairs."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal, Self

from gsdd.configuration import About, configuration, with_settings
from gsdd.data.degradation import SCALE, check_scale
from gsdd.errors import RecipeError
from gsdd.students.named import check_scale_of, find_student
from gsdd.students.perceptual import PerceptualTrunk

Schedule = Literal["cosine", "step", "constant"]
Precision = Literal["fp32", "bf16"]
StudentSize = Literal["full", "small"]
DegradationName = Literal["bicubic", "realesrgan"]


@configuration
class TrainingRecipe:
    """All settings of a training: a stage with L1, then `gan_iterations` steps with L1 + perceptual + GAN.

    Source of the second stage and its values: Wang et al., "Real-ESRGAN", ICCV workshops 2021; of their options,
        xinntao/Real-ESRGAN@0011624, options/train_realesrgan_x4plus.yml.
    """

    student: Annotated[str, About("Name of the network; gsdd students lists them.")] = "small"
    size: Annotated[StudentSize, About("The authors' size, or one that two CPU cores can train.")] = "full"
    scale: Annotated[int, About("HR side / LR side: 1, 2, 3, 4 or 8.", 1, 8)] = SCALE
    degradation: Annotated[
        DegradationName, About("How LR is made: antialiased bicubic, or Real-ESRGAN's second-order process.")
    ] = "bicubic"
    iterations: Annotated[int, About("Steps with L1 alone.", 0)] = 1200
    batch: Annotated[int, About("Crops per step.", 1)] = 8
    crop: Annotated[int, About("Side of an HR crop in pixels, a multiple of the scale.", 16)] = 96
    lr: Annotated[float, About("Learning rate of Adam.", 0)] = 5e-4
    beta1: Annotated[float, About("Adam's decay of the mean gradient.", 0, 0.99999)] = 0.9
    beta2: Annotated[float, About("Adam's decay of the squared gradient.", 0, 0.99999)] = 0.99
    schedule: Annotated[
        Schedule, About("Schedule of lr: down to 0, halved after 50, 80, 90 and 95 % of the iterations, or constant.")
    ] = "cosine"
    ema: Annotated[
        float, About("Decay of the averaged weights, which are the result; smaller at first. 0 does not average.", 0, 1)
    ] = 0.999
    gan_iterations: Annotated[int, About("Further steps with L1 + perceptual + GAN; 0 skips them.", 0)] = 0
    gan_lr: Annotated[float, About("Learning rate of student and discriminator in these steps; constant.", 0)] = 1e-4
    pixel_weight: Annotated[float, About("Weight of L1 beside the GAN.", 0)] = 1.0
    perceptual_weight: Annotated[float, About("Weight of the perceptual term.", 0)] = 1.0
    gan_weight: Annotated[float, About("Weight of the GAN term.", 0)] = 0.1
    perceptual: Annotated[
        PerceptualTrunk,
        About("Features of the perceptual term; auto takes the first of the others that is on this machine."),
    ] = "auto"
    discriminator_channels: Annotated[int, About("Width of the discriminator.", 1)] = 64
    precision: Annotated[Precision, About("bf16 is autocast, for processors that have it.")] = "fp32"
    seed: Annotated[int, About("Seed of every random draw.")] = 0

    def check(self) -> None:
        """Refuse values that cannot be trained with."""
        check_scale_of(find_student(self.student), check_scale(self.scale))
        if self.crop % self.scale:
            raise RecipeError(f"`TrainingRecipe.crop`: got {self.crop}, wanted a multiple of {self.scale}")
        if self.steps < 1:
            raise RecipeError("TrainingRecipe: iterations and gan_iterations are both 0; wanted at least one step")

    @property
    def steps(self) -> int:
        """Steps of both stages."""
        return self.iterations + self.gan_iterations

    def changed(self, values: Mapping[str, Any]) -> Self:
        """Change some values by name, such as {"iterations": 5000}; raises RecipeError as the class does."""
        return with_settings(self, values)

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, as models and logs keep them."""
        return asdict(self)
