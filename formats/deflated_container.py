"""A .gsdd file as its safetensors form, deflated with a dictionary: of a small file the manifest is much."""

import math
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np

from gsdd.errors import FormatError, RecipeError
from gsdd.formats import safetensors_container
from gsdd.formats.document import Document

START = b"GSDZ"
_LENGTH = 4
_HEAD = len(START) + _LENGTH
# What inflates to more is refused before anything is allocated. Streams hardly deflate, tables and texts do.
MOST_RATIO = 64
# Of latents, in bytes of float32: 800 codes in a byte.
MOST_GROWTH = 3200
_FLOAT = 4
_RAW = -zlib.MAX_WBITS
_LEVEL = 9


def dump(document: Document, tensors: Mapping[str, np.ndarray]) -> list[bytes | memoryview]:
    """Lay out a file; RecipeError if it deflates so far that a reader refused it, or is of 4 GiB and more."""
    plain = b"".join(safetensors_container.dump(document, tensors))
    coder = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW, zlib.DEF_MEM_LEVEL, zlib.Z_DEFAULT_STRATEGY, dictionary())
    data = coder.compress(plain) + coder.flush()
    size = _HEAD + len(data)
    if len(plain) > MOST_RATIO * size or len(plain) >= 256**_LENGTH or _grows(document, size):
        raise RecipeError(
            f"{len(plain)} bytes of a file deflate to {len(data)}; this container takes at most {MOST_RATIO} to 1, and "
            "4 GiB: choose the container safetensors"
        )
    return [START, len(plain).to_bytes(_LENGTH, "little"), data]


def load(data: bytes) -> tuple[Document, dict[str, np.ndarray]]:
    """Take a file apart; FormatError if it does not inflate to what it says, or that is no sound safetensors form."""
    length = int.from_bytes(data[len(START) : _HEAD], "little")
    if length > MOST_RATIO * len(data):
        raise FormatError(
            f"the file has {len(data)} bytes and claims to inflate to {length}: more than {MOST_RATIO} to 1"
        )
    document, tensors = safetensors_container.load(_inflated(data[_HEAD:], length))
    if _grows(document, len(data)):
        raise FormatError(
            f"{len(data)} bytes of a file claim {document.manifest.latents} latents: more than {MOST_GROWTH} to 1"
        )
    return document, tensors


def _grows(document: Document, size: int) -> bool:
    """Tell whether latents are larger than any codec makes of so many bytes; deflating shall not add to that."""
    return math.prod(document.manifest.latent_shape) * _FLOAT > MOST_GROWTH * size


def _inflated(data: bytes, length: int) -> bytes:
    coder = zlib.decompressobj(_RAW, dictionary())
    try:
        # One byte more would be too many. Of 0 bytes zlib makes no limit.
        plain = coder.decompress(data, length + 1)
    except zlib.error as error:
        raise FormatError(f"the file is damaged: it cannot be inflated: {error}") from error
    if len(plain) != length or not coder.eof or coder.unused_data:
        raise FormatError(f"the file does not inflate to the {length} bytes that it claims, or does not end there")
    return plain


@cache
def dictionary() -> bytes:
    """Read the bytes that every such file's text is likely to share; they never change."""
    return files("gsdd.formats").joinpath("DICTIONARY.txt").read_bytes()
