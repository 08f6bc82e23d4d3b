"""Students on disk: safetensors with official keys, which spandrel and the tools built on it open."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from gsdd.data.degradation import SCALE
from gsdd.errors import FormatError, GeneratorError, OutputError
from gsdd.formats.atomic import write_atomically
from gsdd.formats.opening import bytes_in, opened
from gsdd.formats.safetensors_header import read_header, text_of
from gsdd.generators.export import plain
from gsdd.generators.tensor_files import MAX_HEADER, SAFETENSORS
from gsdd.students.named import find_student, students
from gsdd.students.official_keys import official_keys

METADATA_KEY = "gsdd_student"


def save(
    module: nn.Module,
    name: str,
    path: Path,
    *,
    scale: int = SCALE,
    training: Mapping[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Write a student, whole or not at all.

    Args:
        module: the network.
        name: of the student.
        path: a .safetensors file.
        scale: HR side / LR side.
        training: how it was trained, what JSON can hold; no clock, path or host if files are to be compared.
        force: replace the file if it exists.

    Raises:
        RecipeError: no student has that name.
        OutputError: the file has another suffix, exists, or cannot be written.
    """
    from safetensors.torch import save as as_bytes

    if path.suffix.lower() != SAFETENSORS:
        raise OutputError(f"{path}: students are written as {SAFETENSORS}; got the suffix {path.suffix!r}")
    facts = {"student": find_student(name).name, "scale": scale, "training": dict(training or {})}
    tensors = {key: plain(value) for key, value in official_keys(module.state_dict()).items()}
    metadata = {METADATA_KEY: json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)}
    write_atomically(path, as_bytes(tensors, metadata), force=force, follow=True)


def facts_of(path: Path) -> dict[str, Any] | None:
    """Read what `save` wrote beside the tensors.

    Args:
        path: a file of weights.

    Returns:
        "student", "scale" and "training"; None if the file says nothing that gsdd wrote.

    Raises:
        GeneratorError: the file is damaged.
    """
    if path.suffix.lower() != SAFETENSORS:
        return None
    try:
        with opened(path) as file:
            text = text_of(read_header(file, bytes_in(file), MAX_HEADER), METADATA_KEY)
    except (FormatError, OSError) as error:
        raise GeneratorError(f"{path}: not a sound safetensors file: {error}") from error
    return None if text is None else _parsed(text, path)


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GeneratorError(f"{path}: what it says of its student is not JSON: {error}; train it again") from error
    names = list(students())
    if not isinstance(facts, dict) or facts.get("student") not in names:
        raise GeneratorError(f"{path}: says {text[:80]!r} of its student; wanted one of {', '.join(names)}")
    return facts
