"""A .gsdd file as its safetensors form, deflated with a dictionary: of a small file the manifest is much."""

import io
import math
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import IO, Any

import numpy as np

from gsdd.errors import FormatError, RecipeError
from gsdd.formats import safetensors_container
from gsdd.formats.document import Document

START = b"GSDZ"
_LENGTH = 4
_HEAD = len(START) + _LENGTH
# What inflates to more is refused before anything is allocated. Streams hardly deflate, tables and texts do.
MOST_RATIO = 64
# And so many bytes, where that is more than twice the file: the plain form and its tensors are in memory at once.
MOST_INFLATED = 96 << 20
# Of latents, in bytes of float32: 800 codes in a byte.
MOST_GROWTH = 3200
_FLOAT = 4
_RAW = -zlib.MAX_WBITS
_LEVEL = 9
_CHUNK = 1 << 16


def dump(document: Document, tensors: Mapping[str, np.ndarray]) -> list[bytes | memoryview]:
    """Lay out a file; RecipeError if it deflates so far that a reader refused it, or is of 4 GiB and more."""
    plain = b"".join(safetensors_container.dump(document, tensors))
    coder = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW, zlib.DEF_MEM_LEVEL, zlib.Z_DEFAULT_STRATEGY, dictionary())
    data = coder.compress(plain) + coder.flush()
    size = _HEAD + len(data)
    if len(plain) > _most_inflated(size) or len(plain) >= 256**_LENGTH or _grows(document, size):
        raise RecipeError(
            f"{len(plain)} bytes of a file deflate to {len(data)}; this container takes at most {MOST_RATIO} to 1, "
            f"beyond {MOST_INFLATED} bytes 2 to 1, and 4 GiB: choose the container safetensors"
        )
    return [START, len(plain).to_bytes(_LENGTH, "little"), data]


def head(file: IO[bytes], size: int) -> Document:
    """Read the manifest alone, and inflate no more than it; FormatError if its header or a size is not as it says."""
    length = _claimed(file.read(_HEAD), size)
    document = safetensors_container.head(io.BufferedReader(_Inflating(file)), length)
    if _grows(document, size):
        raise _too_many(document, size)
    return document


def declared(start: bytes) -> int | None:
    """Tell how many bytes a file has that begins so, at most; see `Container`."""
    # What does not deflate is stored as it is, in blocks with a few bytes of their own.
    return int.from_bytes(start[len(START) : _HEAD], "little") + _CHUNK


def load(data: bytes) -> tuple[Document, dict[str, np.ndarray]]:
    """Take a file apart; FormatError if it does not inflate to what it says, or that is no sound safetensors form."""
    length = _claimed(data[:_HEAD], len(data))
    document, tensors = safetensors_container.load(_inflated(data[_HEAD:], length))
    if _grows(document, len(data)):
        raise _too_many(document, len(data))
    return document, tensors


class _Inflating(io.RawIOBase):
    """What a file inflates to, as far as it is asked for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._coder = file, zlib.decompressobj(_RAW, dictionary())

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a buffer has no type before Python 3.12
        data = self._coder.unconsumed_tail or self._file.read(_CHUNK)
        try:
            plain = self._coder.decompress(data, len(buffer))
        except zlib.error as error:
            raise FormatError(f"the file is damaged: it cannot be inflated: {error}") from error
        buffer[: len(plain)] = plain
        return len(plain)


def _claimed(start: bytes, size: int) -> int:
    """Read the length that a file of so many bytes claims to inflate to; FormatError if it is too much."""
    length = int.from_bytes(start[len(START) : _HEAD], "little")
    if length > _most_inflated(size):
        raise FormatError(
            f"the file has {size} bytes and claims to inflate to {length}: more than {MOST_RATIO} to 1, or 2 to 1 "
            f"beyond {MOST_INFLATED} bytes"
        )
    return length


def _most_inflated(size: int) -> int:
    return min(MOST_RATIO * size, max(MOST_INFLATED, 2 * size))


def _too_many(document: Document, size: int) -> FormatError:
    return FormatError(
        f"{size} bytes of a file claim {document.manifest.latents} latents: more than {MOST_GROWTH} to 1"
    )


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
