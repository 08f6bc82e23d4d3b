"""Latents in 2 to 8 bits whose residuals are entropy-coded: one stream a latent, read without the others."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gsdd.errors import FormatError
from gsdd.formats import entropy
from gsdd.formats.codec import Shape, refuse_non_finite, refuse_overflow
from gsdd.formats.prediction import residuals, restored
from gsdd.formats.streams import StreamCodec, joined, words_of

BITS = range(2, 9)
# Most latents lie in a range so wide. Where all have the step of that range, flat ones take fewer bits.
COMMON_RANGE = 1.5
# A stream begins with a table and the lowest code of each channel.
_LOW = np.dtype("<i4")
_CHANNELS = 3
_LARGEST_CODE = 2**24
_LARGEST_SCALE = float(np.finfo(np.float32).max) / (2 * _LARGEST_CODE)


@dataclass(frozen=True)
class EntropyCodec(StreamCodec):
    """z = (low + code) * scale, code in 0..2^bits - 1; a scale a latent, a low a latent and channel.

    Args:
        bits: of a code, one of `BITS`.
    """

    bits: int
    since: ClassVar[int] = 2
    head: ClassVar[int] = _CHANNELS * (1 + _LOW.itemsize)
    most_codes: ClassVar[int] = 96
    largest_scale: ClassVar[float] = _LARGEST_SCALE

    @property
    def levels(self) -> int:
        """How many values a code has."""
        return 1 << self.bits

    @property
    def tables(self) -> entropy.Tables:
        """The probabilities of residuals."""
        return entropy.Tables(self.levels, count=16, fineness=1)

    def likely_bytes(self, shape: Shape) -> int:
        """Take what photos of 8 to 4 bits often take: two bits a code less than it has."""
        return shape[0] * self.head + math.prod(shape) * max(self.bits - 2, 1) // 8

    def encode(self, latents: np.ndarray) -> dict[str, np.ndarray]:
        """Round to multiples of the latent's step, and code what prediction leaves."""
        codes, lows, scale = self._quantised(latents)
        return joined([self._stream(*each) for each in zip(codes, lows, strict=True)], scale)

    def rounded(self, latents: np.ndarray) -> np.ndarray:
        """Round to multiples of the latent's step, and multiply again."""
        rounded = np.empty_like(latents)
        _multiply(*self._quantised(latents), out=rounded)
        return rounded

    def decode_some(
        self, streams: Mapping[int, np.ndarray], scale: NDArray[np.float32], out: NDArray[np.float32]
    ) -> None:
        """Decode residuals, add the prediction, and multiply, rounded to float32 once."""
        codes, lows = self._codes(streams, out.shape)
        _multiply(codes, lows, scale, out)

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
        numbers = entropy.best_tables(differences, self.tables)
        words = entropy.encode(differences, numbers, self.tables)
        return numbers.tobytes() + lows.astype(_LOW).tobytes() + words.astype(entropy.WORD).tobytes()

    def _codes(
        self, streams: Mapping[int, np.ndarray], shape: tuple[int, ...]
    ) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
        channels, height, width = shape[1:]
        differences = np.empty((len(streams), channels, height * width), np.int16)
        lows = np.empty((len(streams), channels), np.int32)
        for (number, stream), planes, low in zip(streams.items(), differences, lows, strict=True):
            try:
                low[:] = self._decode_stream(stream, planes)
            except FormatError as error:
                raise FormatError(f"latent {number}: {error}") from error
        planes = restored(differences.reshape(-1, height, width), self.levels)
        return _correlated(planes.reshape(len(streams), channels, height, width), self.levels), lows

    def _decode_stream(self, stream: np.ndarray, planes: NDArray[np.int16]) -> NDArray[np.int32]:
        """Fill planes with residuals, and give the lows."""
        numbers, rest = stream[:_CHANNELS], stream[_CHANNELS : self.head]
        lows = np.frombuffer(rest.tobytes(), _LOW)
        # A low of -2^31 has no absolute value in 32 bits.
        beyond = (lows < -_LARGEST_CODE).any() or (lows > _LARGEST_CODE).any()
        if numbers.max() >= self.tables.count or beyond:
            raise FormatError("its stream does not begin as one")
        entropy.decode(words_of(stream[self.head :]), planes, numbers, self.tables)
        return lows


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
