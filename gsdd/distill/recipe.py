"""Everything that decides what a run computes; it travels in the file."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from gsdd.errors import RecipeError
from gsdd.features.family import Family
from gsdd.formats.codec import Codec as LatentCodec
from gsdd.formats.codecs import CODECS
from gsdd.formats.dct_codec import DEFAULT_STEP, STEPS, DctCodec
from gsdd.option import check_options, option

Start = Literal["downscale", "noise"]
StartingCrops = Literal["random", "herding"]
Mode = Literal["single", "multiple"]
Codec = Literal[
    "uint8", "fp16", "fp32", "uint8-ans", "uint7-ans", "uint6-ans", "uint5-ans", "uint4-ans", "uint3-ans", "uint2-ans",
    "dct",
]  # fmt: skip
Reduction = Literal["sum", "mean"]
Schedule = Literal["decay", "constant"]
ClassMean = Literal["whole", "moving"]
Precision = Literal["auto", "fp32", "bf16"]

# Of the steps: the share, at the end, that is fp32 whatever the precision.
EXACT = 0.1
MOST_BYTES = 2**53
UNITS: Mapping[str, int] = {
    "": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3
}  # fmt: skip


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
    codec_step: float = option(
        DEFAULT_STEP, "Step of the codec dct, in units of z: latents are off by about a third of it.", *STEPS
    )
    target_size: str = option(
        "", "Size of the file, such as 200KB or 1.5MiB, at most 3 % less: codec dct takes the step that meets it."
    )
    target_bpp: float = option(0.0, "Size of the file in bits for each pixel of its HR images; 0 has no target.", 0)
    rate: float = option(0.1, "Weight of the bits of latents beside their images, in the inversion, for codec dct.", 0)
    finish: float = option(0.1, "Share of the iterations, at the end, that see latents as they will be stored.", 0, 1)
    precision: Precision = option(
        "auto", "Of the search but its last tenth, which is fp32: bf16 if the device multiplies it, or as said."
    )
    seed: int = option(0, "Seed of every random draw.")

    def __post_init__(self) -> None:
        """Refuse values that make no run."""
        check_options(self)
        if self.target_size and self.target_bpp:
            raise RecipeError("recipe: target_size and target_bpp: got both, wanted one")
        if self.has_target and self.codec != "dct":
            raise RecipeError(f"recipe: codec: got {self.codec!r} with a target for the size, which only 'dct' meets")
        if self.target_size:
            parse_size(self.target_size)

    @property
    def has_target(self) -> bool:
        """Whether the file is to be of a size."""
        return bool(self.target_size or self.target_bpp)

    def target_bytes(self, latents: int) -> int:
        """Compute the size that the file is to have.

        Args:
            latents: of the file.
        """
        if self.target_size:
            return parse_size(self.target_size)
        return int(self.target_bpp * latents * self.hr_size**2 / 8)

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
        given = {name: value for name, value in options.items() if value is not None}
        if given.get("target_size") or given.get("target_bpp"):
            if "codec_step" in given:
                raise RecipeError("recipe: codec_step: got it with a target, which chooses the steps itself; give one")
            given = {"codec": "dct", **given}
        return replace(PRESETS[preset], **given)

    @property
    def latent_codec(self) -> LatentCodec:
        """Give the codec, at its step."""
        codec = CODECS[self.codec]
        return codec.at(self.codec_step) if isinstance(codec, DctCodec) else codec

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


def parse_size(text: str) -> int:
    """Read a size such as 8KB, 1.5MB (thousands), 200KiB (1024) or 12000B.

    Raises:
        RecipeError: it is no size.
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMG]i?)?B?\s*", text, re.IGNORECASE)
    size = float(match[1]) * UNITS[(match[2] or "").lower()] if match else 0.0
    if not 1 <= size < MOST_BYTES:
        raise RecipeError(f"recipe: target_size: got {text!r}, wanted a size such as 200KB, 1.5MB or 64KiB")
    return int(size)


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
