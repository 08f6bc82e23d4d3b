"""The library's messages for users of the command line: it names Python arguments, they know options."""

import re

from gsdd.cli.settings import COMPRESS_OPTIONS, TRAIN_OPTIONS

QUOTED = re.compile(r"`([^`\n]+)`")
ARGUMENT = re.compile(r"(?P<name>[A-Za-z][\w.]*)(?:=(?P<value>.+))?")

# Arguments whose options have their names.
NAMESAKES = (
    "by_class", "cache", "classes", "device", "drop_duplicates", "feature_weights", "force", "force_generator",
    "hr_size", "ipc", "keep_above", "lpips_trunk", "nrqm_model", "on_bad_image", "scale", "scores", "subset", "tune",
)  # fmt: skip
# Of an argument, or the path of a setting, the option that it is.
OPTIONS = {
    **COMPRESS_OPTIONS.of,
    **TRAIN_OPTIONS.of,
    **{name: f"--{name.replace('_', '-')}" for name in NAMESAKES},
    **{name: f"--set run.{name}" for name in ("backend", "checkpoint_seconds", "perceptual_trunk", "subset_size")},
    "image_format": "--format",
    "output": "-o",
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
