"""Codecs of streams: one a latent, of a length of its own, behind each other in one tensor with a table of lengths."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gsdd.errors import FormatError
from gsdd.formats import entropy
from gsdd.formats.codec import ALL, LATENTS, LENGTHS, SCALE, Shape, Tensors
from gsdd.formats.tensors import FREE, Layout

# Values of a plane that are decoded at once: they stay in the processor's cache.
_TOGETHER = 96 * 1024


class StreamCodec(ABC):
    """A codec with a stream and a step a latent."""

    has_streams = True

    @property
    @abstractmethod
    def head(self) -> int:
        """Bytes of a stream before its words."""

    @property
    @abstractmethod
    def most_codes(self) -> int:
        """Codes that no encoder exceeds in a byte. What a reader allocates is bounded by it."""

    @property
    @abstractmethod
    def largest_scale(self) -> float:
        """The largest step whose every multiple is finite."""

    @abstractmethod
    def likely_bytes(self, shape: Shape) -> int:
        """See `Codec`."""

    @abstractmethod
    def decode_some(
        self, streams: Mapping[int, np.ndarray], scale: NDArray[np.float32], out: NDArray[np.float32]
    ) -> None:
        """Decode streams, by number of latent, into `[n, 3, h, w]`; FormatError."""

    def layouts(self, shape: Shape) -> dict[str, Layout]:
        """Name the streams, one behind the other, and their two tables."""
        table = shape[:1]
        return {LATENTS: Layout("U8", (FREE,)), LENGTHS: Layout("I32", table), SCALE: Layout("F32", table)}

    def decode(self, tensors: Tensors, shape: Shape, which: slice = ALL) -> np.ndarray:
        """Decode the streams that are asked for."""
        numbers = range(shape[0])[which]
        latents = np.empty((len(numbers), *shape[1:]), np.float32)
        bounds = _bounds(tensors)
        step = max(1, _TOGETHER // (shape[2] * shape[3]))
        for first in range(0, len(numbers), step):
            some = numbers[first : first + step]
            streams = {number: tensors[LATENTS][bounds[number] : bounds[number + 1]] for number in some}
            self.decode_some(streams, tensors[SCALE][list(some)], latents[first : first + step])
        return latents

    def rows(self, tensors: Tensors, which: slice) -> dict[str, np.ndarray]:
        """Cut the streams and their rows of the tables out."""
        first, end, step = which.indices(len(tensors[LENGTHS]))
        if step != 1:
            raise ValueError(f"rows {which}: wanted latents that follow on each other")
        bounds = _bounds(tensors)
        data = tensors[LATENTS][bounds[first] : bounds[max(first, end)]]
        return {LATENTS: data, LENGTHS: tensors[LENGTHS][which], SCALE: tensors[SCALE][which]}

    def check(self, tensors: Tensors, shape: Shape) -> None:
        """Refuse streams that no encoder cuts so, and scales that lead to infinity."""
        lengths, scale = tensors[LENGTHS].astype(np.int64), tensors[SCALE]
        least = max(self.head, -(-math.prod(shape[1:]) // self.most_codes))
        if (lengths < least).any() or lengths.sum() != len(tensors[LATENTS]):
            raise FormatError(f"{LENGTHS} are not those of {len(lengths)} streams in {len(tensors[LATENTS])} bytes")
        if not (np.isfinite(scale).all() and (scale >= 0).all()):
            raise FormatError(f"{SCALE} holds numbers that are negative or not finite")
        if scale.max() > self.largest_scale:
            raise FormatError(f"{SCALE} leads to latents that are not finite")


def words_of(data: np.ndarray) -> entropy.Words:
    """Read the words of a stream.

    Raises:
        FormatError: bytes that are no whole words.
    """
    if len(data) % entropy.WORD.itemsize:
        raise FormatError("its stream does not begin as one")
    return np.frombuffer(data.tobytes(), entropy.WORD)


def joined(streams: list[bytes], scale: NDArray[np.float32]) -> dict[str, np.ndarray]:
    """Name the tensors of encoded streams.

    Args:
        streams: a latent each.
        scale: the step of each, float32 `[N]`.
    """
    data = np.frombuffer(b"".join(streams), np.uint8)
    return {LATENTS: data, LENGTHS: np.array(list(map(len, streams)), np.int32), SCALE: scale}


def _bounds(tensors: Tensors) -> NDArray[np.int64]:
    """Tell where each stream begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(tensors[LENGTHS], dtype=np.int64)])
