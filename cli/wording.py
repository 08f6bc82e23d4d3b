"""The library's messages for users of the command line: it names Python arguments, they know options."""

import re

from gsdd.cli.settings import COMPRESS_OPTIONS, TRAIN_OPTIONS

QUOTED = re.compile(r"`([^`\n]+)`")
ARGUMENT = re.compile(r"(?P<name>[A-Za-z][\w.]*)(?:=(?P<value>.+))?")

# Of an argument, or the path of a setting, the option that it is.
OPTIONS = {
    **COMPRESS_OPTIONS.of,
    **TRAIN_OPTIONS.of,
    "backend": "--set run.backend",
    "by_class": "--by-class",
    "cache": "--cache",
    "checkpoint_seconds": "--set run.checkpoint_seconds",
    "device": "--device",
    "feature_weights": "--feature-weights",
    "force": "--force",
    "force_generator": "--force-generator",
    "hr_size": "--hr-size",
    "image_format": "--format",
    "ipc": "--ipc",
    "lpips_trunk": "--lpips-trunk",
    "nrqm_model": "--nrqm-model",
    "on_bad_image": "--on-bad-image",
    "output": "-o",
    "perceptual_trunk": "--set run.perceptual_trunk",
    "scale": "--scale",
    "subset": "--subset",
    "subset_size": "--set run.subset_size",
    "tune": "--tune",
}
# Where the settings of a class lie in those of a command.
CLASSES = {
    "Recipe": "", "TrainingRecipe": "", "Crops": "crops.", "Inversion": "inversion.", "Matching": "matching.",
    "Features": "features.", "Augmentation": "augmentation.", "Storage": "storage.", "Run": "run.",
}  # fmt: skip


def worded(text: str) -> str:
    """Turn each `argument=VALUE` of a message into the option that it is; what is none loses its backticks."""
    return QUOTED.sub(lambda match: _as_option(match[1]), text)


def _as_option(quoted: str) -> str:
    match = ARGUMENT.fullmatch(quoted)
    option = match and _option_of(match["name"])
    if not match or not option:
        return quoted
    if match["value"] in (None, "True"):
        return option
    return f"{option}{'=' if option.startswith('--set ') else ' '}{match['value'].strip(chr(34))}"


def _option_of(name: str) -> str | None:
    """Find the option of an argument, or of a setting such as `Storage.step`."""
    owner, dot, field = name.partition(".")
    if owner == "StudySettings":
        return field  # as a line of the file that `gsdd study --config` takes
    if not dot or owner not in CLASSES:
        return OPTIONS.get(name)
    path = CLASSES[owner] + field
    return OPTIONS.get(path, f"--set {path}")
