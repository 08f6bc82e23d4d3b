"""The header of a safetensors file: one text, and where each tensor lies."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

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
