"""Everything that decides what a run makes: one typed, grouped configuration, with presets."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from gsdd.configuration import About, configuration, read_toml, settings, to_toml, with_settings
from gsdd.errors import RecipeError
from gsdd.formats.codec import Codec as LatentCodec
from gsdd.formats.codecs import CODECS
from gsdd.formats.container import ContainerName
from gsdd.formats.dct_codec import DEFAULT_STEP, STEPS, DctCodec

OnBadImage = Literal["skip", "fail"]
StartingCrops = Literal["random", "herding"]
Start = Literal["downscale", "noise"]
Schedule = Literal["decay", "constant"]
ClassMean = Literal["whole", "moving"]
Family = Literal["local-fourier", "resnet18"]
Space = Literal["local-fourier", "resnet18", "student"]
Mode = Literal["single", "multiple"]
Codec = Literal["uint8", "fp16", "fp32", "dct"]
Precision = Literal["auto", "fp32", "bf16"]

DEFAULT_GENERATOR = "realesrgan-x4plus"
DEFAULT_IPC = 20
LEAST_HR_SIZE = 32
# Of the steps: the share, at the end, that is fp32 whatever the precision.
EXACT = 0.1
MOST_BYTES = 2**53
UNITS: Mapping[str, int] = {
    "": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3
}  # fmt: skip
# In a per-class count: all classes that are not named.
THE_REST = "*"


def parse_ipc(text: str) -> int | dict[str, int]:
    """Read latents per class as a user writes them.

    Args:
        text: `100`, or per class `sky=50,animal=200`; `*=100` is for all classes that are not named.

    Returns:
        One count for every class, or counts by class name.

    Raises:
        RecipeError: a count is not a positive whole number, or a class is named twice.
    """
    if "=" not in text:
        return positive(text.strip(), "`ipc`")
    counts: dict[str, int] = {}
    for part in text.split(","):
        name, equals, count = (piece.strip() for piece in part.rpartition("="))
        if not equals or not name:
            raise RecipeError(f"`ipc` has {part.strip()!r}; wanted CLASS=COUNT, as in sky=50,animal=200,*=100")
        if name in counts:
            raise RecipeError(f"`ipc` names class {name} twice")
        counts[name] = positive(count, f"`ipc` of class {name}")
    return counts


def positive(text: str, what: str) -> int:
    """Read a count of latents; RecipeError if it is none."""
    try:
        count = int(text)
    except ValueError as error:
        raise RecipeError(f"{what} is {text!r}; wanted a whole number such as 100") from error
    if count < 1:
        raise RecipeError(f"{what} is {count}; wanted at least 1 latent a class")
    return count


@configuration
class Crops:
    """Which real crops latents start from, and which they are matched with."""

    ipc: Annotated[
        int | Mapping[str, int] | None,
        About("Latents per class: 100, or sky=50,*=20; unset: 20, or what suits storage.target.", 1, read=parse_ipc),
    ] = None
    hr_size: Annotated[
        int, About("Side of an HR crop in pixels; a multiple of the generator's scale.", LEAST_HR_SIZE)
    ] = 128
    method: Annotated[
        StartingCrops,
        About("Choice of the crops that latents start from: random, or herding on features of the class."),
    ] = "herding"
    real: Annotated[int, About("Real crops per class that are kept in memory for matching.", 1)] = 256
    classes: Annotated[
        str, About("Classes: folders, none (one class), clusters:K (K groups of similar photos), or auto.")
    ] = "auto"
    scores: Annotated[str, About("Path of a CSV file with a quality score for each photo.")] = ""
    keep_above: Annotated[float | None, About("Drop photos whose score is not above this.")] = None
    drop_duplicates: Annotated[bool, About("Drop photos that look like another one, in any class.")] = False
    on_bad_image: Annotated[OnBadImage, About("Skip unusable photos and name them, or fail at the first.")] = "skip"

    def check(self) -> None:
        """Refuse values that do not go together."""
        if not re.fullmatch(r"auto|folders|none|clusters:([2-9]|[1-9]\d{1,3})", self.classes):
            raise RecipeError(
                f"`Crops.classes`: got {self.classes!r}, wanted auto, folders, none or clusters:K, K from 2 to 9999"
            )
        if bool(self.scores) != (self.keep_above is not None):
            given, missing = ("scores", "keep_above") if self.scores else ("keep_above", "scores")
            raise RecipeError(f"`Crops.{missing}`: got none beside `Crops.{given}`; give both, or neither")

    @property
    def clusters(self) -> int:
        """K of `clusters:K`; 0 where classes are no clusters, or auto decides."""
        return int(self.classes.partition(":")[2] or 0)


@configuration
class Inversion:
    """How the latents of single crops are found (Eq. 3-5)."""

    start: Annotated[Start, About("Where z starts: the down-sampled crop, or noise around grey.")] = "downscale"
    steps: Annotated[int, About("Adam steps for each latent; 0 skips the inversion.", 0)] = 200
    lr: Annotated[float, About("Learning rate of Adam.", 0)] = 0.01
    feature_weight: Annotated[float, About("Weight of D_f (Eq. 4) relative to D_p; 0 uses pixels only.", 0)] = 0.01
    rate: Annotated[float, About("Weight of a latent's bits in the loss, with codec dct.", 0)] = 0.1


@configuration
class Matching:
    """How latents are moved by distribution matching (Eq. 7-9)."""

    iterations: Annotated[int, About("Steps of matching; 0 leaves the inverted latents as they are.", 0)] = 1000
    lr: Annotated[
        float,
        About(
            "Learning rate of Adam for one draw per step; more scale it and the betas. Family student: 4 times it.", 0
        ),
    ] = 0.001
    schedule: Annotated[
        Schedule, About("Schedule of lr: decay to a twentieth over the last two thirds, or constant.")
    ] = "decay"
    lam: Annotated[float, About("lambda of Eq. 9: the weight of the pair regulariser R.", 0, 1)] = 0.1
    real_batch: Annotated[int, About("Real crops per class and step.", 1)] = 64
    draws: Annotated[int, About("Draws of (theta, omega) per step; G runs once for all of them.", 1)] = 1
    bank: Annotated[int, About("Draws that are made once and reused in turn; 0 makes a new one each time.", 0)] = 64
    latent_batch: Annotated[int, About("Latents per class that one step updates; 0 updates all.", 0)] = 8
    class_mean: Annotated[
        ClassMean,
        About(
            "Class mean in L_dis: of the whole class (others by their last images), or of the latents being updated."
        ),
    ] = "whole"
    finish: Annotated[
        float, About("Share of the steps, at the end, that use latents as they will be stored.", 0, 1)
    ] = 0.1


@configuration
class Features:
    """psi, the feature extractor."""

    family: Annotated[
        Space, About("Random local Fourier features, the paper's ResNet18, or the first with a student's gradient.")
    ] = "local-fourier"
    filters: Annotated[int, About("Number of features D of local-fourier.", 1)] = 512
    layers: Annotated[str, About("Layers of resnet18 that are pooled, separated by commas.")] = "layer1,layer2"
    weights: Annotated[str, About("Path of pre-trained resnet18 weights; empty draws theta anew each step.")] = ""
    checkpoints: Annotated[int, About("Family student: checkpoints kept of each training on real crops.", 1)] = 12
    student_steps: Annotated[int, About("Family student: steps of such a training.", 0)] = 900
    calibration: Annotated[int, About("Real crops that set the statistics of resnet18's norms, once a theta.", 2)] = 32


@configuration
class Augmentation:
    """omega, the siamese augmentation (DSA)."""

    strategies: Annotated[str, About("Strategies of DSA, joined by _; empty switches DSA off.")] = (
        "color_crop_cutout_flip_scale_rotate"
    )
    mode: Annotated[Mode, About("One strategy per class and step, or all of them in order.")] = "single"


@configuration
class Storage:
    """How the latents are stored."""

    codec: Annotated[Codec | None, About("How latents are stored; unset: uint8, or dct with a target.")] = None
    step: Annotated[
        float, About("Quantisation step of codec dct, in units of z; latents differ by about a third of it.", *STEPS)
    ] = DEFAULT_STEP
    target: Annotated[
        str, About("Target size of the file, such as 200KB, 1.5MiB or 0.4bpp (bits per HR pixel), for codec dct.")
    ] = ""
    container: Annotated[
        ContainerName | None, About("Container of the file; unset: deflated with a target, else safetensors.")
    ] = None
    licence: Annotated[str, About("Licence of the photos, kept in the file.")] = "unknown"

    def check(self) -> None:
        """Refuse values that do not go together."""
        if self.target and self.codec_name != "dct":
            raise RecipeError(f"`Storage.codec`: got {self.codec!r} with a target, which only 'dct' meets")
        if self.target and self.step != DEFAULT_STEP:
            raise RecipeError("`Storage.step`: got a step and a target, which chooses its own steps; give only one")
        if self.target:
            parse_target(self.target)
        if not self.licence.isprintable():
            raise RecipeError(f"`Storage.licence`: got {self.licence!r}, wanted one line of text")

    @property
    def codec_name(self) -> Codec:
        """Name the codec, also where it is left to the target."""
        return self.codec or ("dct" if self.target else "uint8")

    @property
    def latent_codec(self) -> LatentCodec:
        """Give the codec, at its step."""
        codec = CODECS[self.codec_name]
        return codec.at(self.step) if isinstance(codec, DctCodec) else codec


@configuration
class Recipe:
    """All settings of a run. Values that the paper gives are the paper's; docs/method.md justifies the others."""

    generator: Annotated[str, About("Name or path of G; see gsdd generators.")] = DEFAULT_GENERATOR
    seed: Annotated[int, About("Seed of every random draw.")] = 0
    precision: Annotated[
        Precision,
        About("Precision of the optimisation: auto uses bf16 where it is fast; the last tenth is always fp32."),
    ] = "auto"
    chunk: Annotated[int, About("Maximum number of latents in one pass of G; 0 chooses it for the device.", 0)] = 0
    crops: Crops = Crops()
    inversion: Inversion = Inversion()
    matching: Matching = Matching()
    features: Features = Features()
    augmentation: Augmentation = Augmentation()
    storage: Storage = Storage()

    @classmethod
    def preset(cls, name: str) -> "Recipe":
        """Give a preset: `quick`, `standard` or `paper`.

        Raises:
            RecipeError: there is no such preset.
        """
        if name not in PRESETS:
            raise RecipeError(f"preset: got {name!r}, wanted one of {', '.join(PRESETS)}")
        return PRESETS[name]

    @classmethod
    def from_toml(cls, path: str | Path, preset: str = "standard") -> "Recipe":
        """Read a recipe from a TOML file; what the file does not say is as in the preset.

        Raises:
            RecipeError: the file cannot be read, has an unknown key, or a value that is not sound.
        """
        base = cls.preset(preset)
        return base.changed(read_toml(Path(path)))

    def to_toml(self) -> str:
        """Write the recipe as TOML, with a comment on each field."""
        return to_toml(self)

    def changed(self, values: Mapping[str, Any]) -> Self:
        """Change some values, named by path, such as {"matching.lr": 0.002}.

        A target sets the number of latents too, unless that is given.

        Raises:
            RecipeError: an unknown path, or a value that is not sound.
        """
        implied = {"crops.ipc": None} if values.get("storage.target") else {}
        return with_settings(self, {**implied, **values})

    def target_bytes(self, latents: int) -> int | None:
        """Compute the target size of the file in bytes; None without a target.

        Args:
            latents: of the file.
        """
        if not self.storage.target:
            return None
        size, is_bpp = parse_target(self.storage.target)
        return int(size * latents * self.crops.hr_size**2 / 8) if is_bpp else int(size)

    def computes_in_bf16(self, number: int, steps: int) -> bool:
        """Tell whether a step of the optimisation computes in bf16; those of the last tenth never do.

        Args:
            number: of the step, from 0.
            steps: how many there are to be.
        """
        return self.precision == "bf16" and number < steps * (1 - EXACT)


def parse_target(text: str) -> tuple[float, bool]:
    """Read a target such as 8KB, 1.5MB (thousands), 200KiB (1024), 12000B, or 0.4bpp.

    Returns:
        Bytes, or bits for each HR pixel; and whether it is the latter.

    Raises:
        RecipeError: it is neither.
    """
    bits = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*bpp\s*", text, re.IGNORECASE)
    if bits and float(bits[1]) > 0:
        return float(bits[1]), True
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMG]i?)?B?\s*", text, re.IGNORECASE)
    size = float(match[1]) * UNITS[(match[2] or "").lower()] if match else 0.0
    if not 1 <= size < MOST_BYTES:
        raise RecipeError(f"`Storage.target`: got {text!r}, wanted a size such as 200KB, 1.5MiB or 0.4bpp")
    return size, False


PRESETS: Mapping[str, Recipe] = {
    "quick": Recipe(
        crops=Crops(ipc=5), inversion=Inversion(steps=90), matching=Matching(iterations=50, real_batch=16, bank=24)
    ),
    "standard": Recipe(),
    "paper": Recipe(
        precision="fp32",
        crops=Crops(ipc=100, method="random"),
        inversion=Inversion(steps=1000),
        matching=Matching(iterations=500_000, bank=0, schedule="constant"),
        features=Features(family="resnet18"),
    ),
}
DEFAULT_PRESET = "standard"

# The flat names that manifests keep, and that options had until 0.1.0: name -> path.
FLAT: Mapping[str, str] = {
    "hr_size": "crops.hr_size", "crops": "crops.method", "start": "inversion.start",
    "inversion_steps": "inversion.steps", "inversion_lr": "inversion.lr",
    "inversion_features": "inversion.feature_weight", "iterations": "matching.iterations", "lr": "matching.lr",
    "schedule": "matching.schedule", "lam": "matching.lam", "features": "features.family",
    "feature_filters": "features.filters", "feature_layers": "features.layers", "feature_weights": "features.weights",
    "calibration": "features.calibration", "real_batch": "matching.real_batch", "real_crops": "crops.real",
    "draws": "matching.draws", "bank": "matching.bank", "latent_batch": "matching.latent_batch",
    "class_mean": "matching.class_mean", "dsa": "augmentation.strategies", "dsa_mode": "augmentation.mode",
    "codec": "storage.codec", "codec_step": "storage.step", "rate": "inversion.rate", "finish": "matching.finish",
    "precision": "precision", "chunk": "chunk", "seed": "seed",
}  # fmt: skip

# Those that manifests have had since then, where they are set.
SINCE: Mapping[str, str] = {
    "drop_duplicates": "crops.drop_duplicates", "scores": "crops.scores", "keep_above": "crops.keep_above"
}  # fmt: skip
# Those of one family of features alone.
OF_STUDENT: Mapping[str, str] = {
    "checkpoints": "features.checkpoints", "student_steps": "features.student_steps",
}  # fmt: skip


def to_record(recipe: Recipe) -> dict[str, Any]:
    """Write a recipe as manifests keep it: flat, under the names of before there were groups.

    What `classes` became depends on the photos, and is not in it.
    """
    values = {entry.path: entry.value for entry in settings(recipe)}
    size, is_bpp = parse_target(recipe.storage.target) if recipe.storage.target else (0.0, True)
    target = {"target_size": "" if is_bpp else recipe.storage.target, "target_bpp": size if is_bpp else 0.0}
    record = {name: values[path] for name, path in FLAT.items()} | target | {"codec": recipe.storage.codec_name}
    if recipe.features.family == "student":
        record |= {name: values[path] for name, path in OF_STUDENT.items()}
    if not recipe.chunk:
        del record["chunk"]  # earlier versions, which do not know it, read the file
    return record | {name: values[path] for name, path in SINCE.items() if values[path] not in (None, "", False)}


def from_record(record: Mapping[str, Any]) -> Recipe:
    """Read a recipe as a manifest keeps it.

    Args:
        record: from `to_record`, or of a file that an earlier version made; what is missing is as in `standard`.

    Raises:
        RecipeError: a later version's recipe, or values that are not sound.
    """
    try:
        return _of_record(record)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        if isinstance(error, RecipeError):
            raise
        raise RecipeError(
            f"recipe: the file has values that no run writes ({type(error).__name__}: {error})"
        ) from error


def _of_record(record: Mapping[str, Any]) -> Recipe:
    known = {*FLAT, *SINCE, *OF_STUDENT, "classes", "classes_why", "target_size", "target_bpp", "reduction"}
    if unknown := sorted(set(record) - known):
        raise RecipeError(f"recipe: the file has {unknown}, which this gsdd does not know; get a newer gsdd")
    target = record.get("target_size") or (f"{record['target_bpp']}bpp" if record.get("target_bpp") else "")
    # The search of a run with a target began with a step of its own.
    values = {
        FLAT[name]: value for name, value in record.items() if name in FLAT and not (target and name == "codec_step")
    }
    since = {path: record[name] for name, path in {**SINCE, **OF_STUDENT}.items() if name in record}
    return Recipe().changed(
        {**values, **since, "crops.classes": record.get("classes", "folders"), "storage.target": target}
    )
