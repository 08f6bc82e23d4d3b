"""Latents in 2 to 8 bits whose residuals are entropy-coded: one stream a latent, read without the others."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gsdd.errors import FormatError
from gsdd.formats import entropy
from gsdd.formats.codec import ALL, LATENTS, LENGTHS, SCALE, Shape, Tensors, refuse_non_finite, refuse_overflow
from gsdd.formats.prediction import residuals, restored
from gsdd.formats.tensors import FREE, Layout

BITS = range(2, 9)
# Most latents lie in a range so wide. Where all have the step of that range, flat ones take fewer bits.
COMMON_RANGE = 1.5
# A stream begins with a table and the lowest code of each channel.
_LOW = np.dtype("<i4")
_HEAD = 1 + _LOW.itemsize
# No encoder puts more codes into a byte: see `entropy.weights`. What a reader allocates is bounded by it.
MOST_CODES = 96
_LARGEST_CODE = 2**24
_LARGEST_SCALE = float(np.finfo(np.float32).max) / (2 * _LARGEST_CODE)
# Codes of a plane that are predicted at once: they stay in the processor's cache.
_TOGETHER = 96 * 1024


@dataclass(frozen=True)
class EntropyCodec:
    """z = (low + code) * scale, code in 0..2^bits - 1; a scale a latent, a low a latent and channel.

    Args:
        bits: of a code, one of `BITS`.
    """

    bits: int
    since: ClassVar[int] = 2
    has_streams: ClassVar[bool] = True

    @property
    def levels(self) -> int:
        """How many values a code has."""
        return 1 << self.bits

    def layouts(self, shape: Shape) -> dict[str, Layout]:
        """Name the streams, one behind the other, and their two tables."""
        table = shape[:1]
        return {LATENTS: Layout("U8", (FREE,)), LENGTHS: Layout("I32", table), SCALE: Layout("F32", table)}

    def likely_bytes(self, shape: Shape) -> int:
        """Take what photos of 8 to 4 bits often take: two bits a code less than it has."""
        return shape[0] * _HEAD * shape[1] + math.prod(shape) * max(self.bits - 2, 1) // 8

    def encode(self, latents: np.ndarray) -> dict[str, np.ndarray]:
        """Round to multiples of the latent's step, and code what prediction leaves."""
        codes, lows, scale = self._quantised(latents)
        streams = [self._stream(*each) for each in zip(codes, lows, strict=True)]
        data = np.frombuffer(b"".join(streams), np.uint8)
        return {LATENTS: data, LENGTHS: np.array(list(map(len, streams)), np.int32), SCALE: scale}

    def rounded(self, latents: np.ndarray) -> np.ndarray:
        """Round to multiples of the latent's step, and multiply again."""
        rounded = np.empty_like(latents)
        _multiply(*self._quantised(latents), out=rounded)
        return rounded

    def decode(self, tensors: Tensors, shape: Shape, which: slice = ALL) -> np.ndarray:
        """Decode the streams that are asked for, add the prediction, and multiply, rounded to float32 once."""
        numbers = range(shape[0])[which]
        latents = np.empty((len(numbers), *shape[1:]), np.float32)
        bounds = _bounds(tensors)
        step = max(1, _TOGETHER // (shape[2] * shape[3]))
        for first in range(0, len(numbers), step):
            some = numbers[first : first + step]
            streams = {number: tensors[LATENTS][bounds[number] : bounds[number + 1]] for number in some}
            codes, lows = self._codes(streams, shape)
            _multiply(codes, lows, tensors[SCALE][list(some)], out=latents[first : first + step])
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
        codes = shape[1] * shape[2] * shape[3]
        least = max(_HEAD * shape[1], -(-codes // MOST_CODES))
        if (lengths < least).any() or lengths.sum() != len(tensors[LATENTS]):
            raise FormatError(f"{LENGTHS} are not those of {len(lengths)} streams in {len(tensors[LATENTS])} bytes")
        if not (np.isfinite(scale).all() and (scale >= 0).all()):
            raise FormatError(f"{SCALE} holds numbers that are negative or not finite")
        if scale.max() > _LARGEST_SCALE:
            raise FormatError(f"{SCALE} leads to latents that are not finite")

    def _quantised(self, latents: np.ndarray) -> tuple[NDArray[np.int16], NDArray[np.int32], NDArray[np.float32]]:
        refuse_non_finite(latents)
        widest = np.ptp(latents.astype(np.float64), axis=(2, 3)).max(1)
        # Rounding both ends can take one step more than the range has.
        steps = np.maximum(widest, COMMON_RANGE) / (self.levels - 2)
        scale = steps.astype(np.float32)
        codes = np.rint(latents.astype(np.float64) / scale[:, None, None, None])
        codes[(np.abs(codes) > _LARGEST_CODE) | (steps > _LARGEST_SCALE)[:, None, None, None]] = np.inf
        refuse_overflow(latents, codes, f"uint{self.bits}-ans")
        lows = codes.min((2, 3))
        above = (codes - lows[..., None, None]).clip(0, self.levels - 1)
        return above.astype(np.int16), lows.astype(np.int32), scale

    def _stream(self, codes: NDArray[np.int16], lows: NDArray[np.int32]) -> bytes:
        differences = residuals(_decorrelated(codes, self.levels), self.levels).reshape(len(codes), -1)
        tables = entropy.best_tables(differences, self.levels)
        words = entropy.encode(differences, tables, self.levels)
        return tables.tobytes() + lows.astype(_LOW).tobytes() + words.astype(entropy.WORD).tobytes()

    def _codes(self, streams: Mapping[int, np.ndarray], shape: Shape) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
        channels, height, width = shape[1:]
        differences = np.empty((len(streams), channels, height * width), np.int16)
        lows = np.empty((len(streams), channels), np.int32)
        for (number, stream), planes, low in zip(streams.items(), differences, lows, strict=True):
            try:
                low[:] = self._decode_stream(stream, planes)
            except FormatError as error:
                raise FormatError(f"latent {number} of {shape[0]}: {error}") from error
        planes = restored(differences.reshape(-1, height, width), self.levels)
        return _correlated(planes.reshape(len(streams), channels, height, width), self.levels), lows

    def _decode_stream(self, stream: np.ndarray, planes: NDArray[np.int16]) -> NDArray[np.int32]:
        """Fill planes with residuals, and give the lows."""
        channels = len(planes)
        tables, rest = stream[:channels], stream[channels:]
        lows = np.frombuffer(rest[: channels * _LOW.itemsize].tobytes(), _LOW)
        data = rest[channels * _LOW.itemsize :].tobytes()
        # A low of -2^31 has no absolute value in 32 bits.
        beyond = (lows < -_LARGEST_CODE).any() or (lows > _LARGEST_CODE).any()
        if len(data) % entropy.WORD.itemsize or tables.max() >= entropy.TABLES or beyond:
            raise FormatError("its stream does not begin as one")
        entropy.decode(np.frombuffer(data, entropy.WORD), tables, planes, self.levels)
        return lows


def _bounds(tensors: Tensors) -> NDArray[np.int64]:
    """Tell where each stream begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(tensors[LENGTHS], dtype=np.int64)])


def _multiply(
    codes: NDArray[np.int16], lows: NDArray[np.int32], scale: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Compute float32(code + low) * scale; either term is exact in float32, so that their sum is rounded once."""
    out[:] = codes
    out += lows[..., None, None].astype(np.float32)
    out *= scale[:, None, None, None]


def _decorrelated(codes: NDArray[np.int16], levels: int) -> NDArray[np.int16]:
    """Put green first, then what red and blue are beyond it; modulo `levels`, around its half."""
    green = codes[1:2]
    return np.concatenate([green, (codes[::2] - green + levels // 2) % levels])


def _correlated(planes: NDArray[np.int16], levels: int) -> NDArray[np.int16]:
    green = planes[:, :1]
    beyond = (planes[:, 1:] - levels // 2 + green) % levels
    return np.concatenate([beyond[:, :1], green, beyond[:, 1:]], axis=1)
