"""Everything that decides what a run computes; it travels in the file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from gsdd.errors import RecipeError
from gsdd.features.family import Family
from gsdd.option import check_options, option

Start = Literal["downscale", "noise"]
StartingCrops = Literal["random", "herding"]
Mode = Literal["single", "multiple"]
Codec = Literal[
    "uint8", "fp16", "fp32", "uint8-ans", "uint7-ans", "uint6-ans", "uint5-ans", "uint4-ans", "uint3-ans", "uint2-ans"
]
Reduction = Literal["sum", "mean"]
Schedule = Literal["decay", "constant"]
ClassMean = Literal["whole", "moving"]
Precision = Literal["auto", "fp32", "bf16"]

# Of the steps: the share, at the end, that is fp32 whatever the precision.
EXACT = 0.1


@dataclass(frozen=True)
class Recipe:
    """The method's choices. The paper's own values where it gives them; docs/method.md justifies the rest."""

    hr_size: int = option(128, "Side of an HR crop in pixels; a multiple of the generator's scale.", 32)
    crops: StartingCrops = option(
        "herding",
        "Real crops that latents begin from: random, or those whose mean of local Fourier features is their class's.",
    )
    start: Start = option("downscale", "Where z starts: the down-sampled crop, or noise around grey.")
    inversion_steps: int = option(200, "Adam steps of the inversion (Eq. 3) for each latent; 0 skips it.", 0)
    inversion_lr: float = option(0.01, "Learning rate of the inversion.", 0)
    inversion_features: float = option(0.01, "Weight of D_f (Eq. 4) beside D_p; 0 leaves the pixels alone.", 0)
    iterations: int = option(1000, "Steps of distribution matching (Eq. 9); 0 leaves the inverted latents.", 0)
    lr: float = option(
        0.001, "Learning rate of the matching (Adam), for one draw a step; more scale it and the betas.", 0
    )
    schedule: Schedule = option("decay", "Of the rate: down to a twentieth over the last two thirds, or constant.")
    lam: float = option(0.1, "lambda of Eq. 9: the weight of the pair regulariser R.", 0, 1)
    features: Family = option("local-fourier", "Family of psi.")
    feature_filters: int = option(512, "D of local-fourier.", 1)
    feature_layers: str = option("layer1,layer2", "Layers of resnet18 that are pooled, with commas.")
    feature_weights: str = option("", "Pre-trained resnet18 weights (path); empty re-draws theta each step.")
    calibration: int = option(32, "Real crops that set the statistics of resnet18's norms, once a theta.", 2)
    reduction: Reduction = option("sum", "Squared distances are summed (the norm of Eq. 7) or averaged over D.")
    real_batch: int = option(64, "Real crops a class and step.", 1)
    real_crops: int = option(256, "Real crops a class that are kept in memory to draw from.", 1)
    draws: int = option(1, "Draws of (theta, omega) a step; G runs once for all of them.", 1)
    bank: int = option(64, "Draws that are made, with their real means, and taken in turn; 0 makes each a new one.", 0)
    latent_batch: int = option(8, "Latents a class that move in one step; 0 moves all.", 0)
    class_mean: ClassMean = option("whole", "L_dis takes the whole class, by last images, or those that move.")
    dsa: str = option("color_crop_cutout_flip_scale_rotate", "Strategies of DSA, joined by _; empty switches it off.")
    dsa_mode: Mode = option("single", "One strategy a class and step, or all of them in order.")
    codec: Codec = option("uint8", "How latents are stored.")
    finish: float = option(0.1, "Share of the iterations, at the end, that see latents as they will be stored.", 0, 1)
    precision: Precision = option(
        "auto", "Of the search but its last tenth, which is fp32: bf16 if the device multiplies it, or as said."
    )
    seed: int = option(0, "Seed of every random draw.")

    def __post_init__(self) -> None:
        """Refuse values that make no run."""
        check_options(self)

    @classmethod
    def from_options(cls, preset: str, options: Mapping[str, Any]) -> "Recipe":
        """Take a preset and override some of its values.

        Args:
            preset: one of `PRESETS`.
            options: values by field name; None means "as in the preset".

        Returns:
            The recipe.

        Raises:
            RecipeError: unknown preset or option, or a value out of range.
        """
        if preset not in PRESETS:
            raise RecipeError(f"preset: got {preset!r}, wanted one of {sorted(PRESETS)}")
        unknown = sorted(set(options) - {entry.name for entry in fields(cls)})
        if unknown:
            raise RecipeError(f"recipe: unknown options {unknown}; known are {[entry.name for entry in fields(cls)]}")
        return replace(PRESETS[preset], **{name: value for name, value in options.items() if value is not None})

    def computes_in_bf16(self, number: int, steps: int) -> bool:
        """Tell whether a step of the search computes in bf16; those of the last tenth never do.

        Args:
            number: of the step, from 0.
            steps: how many there are to be.
        """
        return self.precision == "bf16" and number < steps * (1 - EXACT)

    def to_dict(self) -> dict[str, Any]:
        """Return the values by field name, as JSON has them."""
        return asdict(self)


PRESETS: Mapping[str, Recipe] = {
    "quick": Recipe(inversion_steps=90, iterations=50, real_batch=16, bank=24),
    "standard": Recipe(),
    "paper": Recipe(
        crops="random",
        features="resnet18",
        iterations=500_000,
        inversion_steps=1000,
        bank=0,
        schedule="constant",
        precision="fp32",
    ),
}
DEFAULT_PRESET = "standard"
DEFAULT_IPC: Mapping[str, int] = {"quick": 5, "standard": 20, "paper": 100}
