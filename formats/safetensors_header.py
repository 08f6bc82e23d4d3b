"""The header of a safetensors file: one text, and where each tensor lies."""

import json
from collections.abc import Iterable, Sequence
from typing import IO, Any, NamedTuple

from gsdd.errors import FormatError
from gsdd.formats.canonical import loads

LENGTH = 8
_ALIGNMENT = 8


class Placed(NamedTuple):
    """A tensor behind the one before it; dtype is safetensors' name of it."""

    name: str
    dtype: str
    shape: Sequence[int]
    nbytes: int


def render(key: str, text: str, tensors: Iterable[Placed]) -> bytes:
    """Lay out the JSON between the u64 length and the tensors.

    Args:
        key: of the text in `__metadata__`: one only, since safetensors does not keep the order of several.
        text: any.
        tensors: in the order in which they lie.

    Returns:
        ASCII, padded with spaces to a multiple of 8.
    """
    fields: dict[str, object] = {"__metadata__": {key: text}}
    start = 0
    for name, dtype, shape, nbytes in tensors:
        fields[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, start + nbytes]}
        start += nbytes
    header = json.dumps(fields, separators=(",", ":")).encode("ascii")
    return header + b" " * (-len(header) % _ALIGNMENT)


def read_header(file: IO[bytes], size: int, most: int) -> bytes:
    """Read the JSON of a file, and nothing behind it.

    Args:
        file: at its start.
        size: bytes of the whole file.
        most: bytes that the header may have.

    Raises:
        FormatError: the header claims more than that, or than the file has.
    """
    length = int.from_bytes(file.read(LENGTH), "little")
    if length > most:
        raise FormatError(f"the safetensors header claims {length} bytes; at most {most} are allowed")
    if LENGTH + length > size:
        raise FormatError(f"the file has {size} bytes; its header alone claims {length}: it is cut off")
    return file.read(length)


def text_of(header: bytes, key: str) -> str | None:
    """Read a text of the metadata; None where there is none.

    Args:
        header: of a file of unknown origin, from `read_header`.
        key: in `__metadata__`.

    Raises:
        FormatError: the header is no sound JSON object.
    """
    try:
        fields: Any = loads(header.decode())
    except UnicodeDecodeError as error:
        raise FormatError(f"the safetensors header is not UTF-8: {error.reason} at byte {error.start}") from error
    metadata = fields.get("__metadata__") if isinstance(fields, dict) else None
    text = metadata.get(key) if isinstance(metadata, dict) else None
    return text if isinstance(text, str) else None
