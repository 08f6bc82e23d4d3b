"""Latents as quantised cosine coefficients that are entropy-coded: few bits, at a step that is chosen freely."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gsdd.errors import FormatError, RecipeError
from gsdd.formats import cosines, entropy, spectrum
from gsdd.formats.codec import Shape, refuse_non_finite, refuse_overflow
from gsdd.formats.streams import StreamCodec, joined, words_of

DEFAULT_STEP = 1 / 16
STEPS = (2.0**-10, 2.0)
# What rounding may cost, as a squared share of a step, to save a bit: a coefficient is rounded to the multiple above or
# below it, whichever is worth more. The first rounding, which decides on the tables, is up from a fixed share.
BIT_WORTH = 0.05
ROUND_UP_FROM = 0.6
_LARGEST_CODE = 2047
_LARGEST_SCALE = 2.0**100
_TOGETHER = 64
_CENTRE = np.float32(0.5)
# Bits that a coefficient of a photo often takes at a step of 1/16.
_LIKELY_BITS = 2.3
# Of a stream, beyond the bits of its codes, on average.
_STATE_BYTES = 5


@dataclass(frozen=True)
class DctCodec(StreamCodec):
    """z = 1/2 + scale * (inverse cosine transform of the codes), over channels and blocks of 8x8.

    Args:
        step: what encoding makes the scale, in units of z; decoding takes that of each latent.
        steps: the same, one a latent, where they differ.
    """

    step: float = DEFAULT_STEP
    steps: tuple[float, ...] = ()
    since: ClassVar[int] = 3
    head: ClassVar[int] = cosines.CHANNELS
    most_codes: ClassVar[int] = 800
    largest_scale: ClassVar[float] = _LARGEST_SCALE

    def at(self, step: float) -> "DctCodec":
        """Give the codec of another step.

        Raises:
            RecipeError: a step out of range.
        """
        if not STEPS[0] <= step <= STEPS[1]:
            raise RecipeError(f"step of the codec: got {step}, wanted {STEPS[0]} to {STEPS[1]}")
        return replace(self, step=step, steps=())

    def at_each(self, steps: NDArray[np.float64]) -> "DctCodec":
        """Give the codec of other steps, one a latent, which are brought into the range."""
        return replace(self, steps=tuple(steps.clip(*STEPS).tolist()))

    def likely_bytes(self, shape: Shape) -> int:
        """Take what photos often take."""
        bits = max(_LIKELY_BITS - math.log2(self.step / DEFAULT_STEP), 0.1)
        return shape[0] * (self.head + entropy.WORD.itemsize) + int(math.prod(shape) * bits / 8)

    def encode(self, latents: np.ndarray) -> dict[str, np.ndarray]:
        """Round coefficients to multiples of the step, and code them by the spectrum that fits best."""
        streams, scales = [], []
        for _, codes, scale in self._quantised(latents):
            streams += [_stream(*each) for each in zip(codes, spectrum.fitting(codes), strict=True)]
            scales.append(scale)
        return joined(streams, np.concatenate(scales))

    def rounded(self, latents: np.ndarray) -> np.ndarray:
        """Round coefficients, and transform them back."""
        rounded = np.empty_like(latents)
        for rows, codes, scale in self._quantised(latents):
            rounded[rows] = _dequantised(codes, scale, latents[rows].shape)
        return rounded

    def heads(self, latents: np.ndarray) -> NDArray[np.uint8]:
        """Tell the spectra that encoding would choose, `[N, 3]`; see `spectrum.tables_of`."""
        return np.concatenate([spectrum.fitting(codes) for _, codes, _ in self._quantised(latents)])

    def bytes_of(self, latents: np.ndarray) -> NDArray[np.float64]:
        """Compute what the stream of each latent takes, to a byte or two, `[N]`; none is made."""
        bits = [spectrum.bits(codes, spectrum.fitting(codes)) for _, codes, _ in self._quantised(latents)]
        # Words are whole, and the last ones are of the coder's state.
        return np.concatenate(bits) / 8 + (self.head + _STATE_BYTES)

    def stream_bytes(self, latents: np.ndarray) -> int:
        """Compute what streams of latents take together, as `bytes_of`."""
        return int(self.bytes_of(latents).sum())

    def decode_some(
        self, streams: Mapping[int, np.ndarray], scale: NDArray[np.float32], out: NDArray[np.float32]
    ) -> None:
        """Decode codes, and transform them back."""
        codes = np.empty((len(streams), *cosines.coefficients(out.shape[1:])), np.int16)
        for (number, stream), each in zip(streams.items(), codes, strict=True):
            try:
                _decode_stream(stream, each)
            except FormatError as error:
                raise FormatError(f"latent {number}: {error}") from error
        out[:] = _dequantised(codes, scale, out.shape)

    def _quantised(self, latents: np.ndarray) -> Iterator[tuple[slice, NDArray[np.int16], NDArray[np.float32]]]:
        """Give codes and scales of a few latents at a time, and which they are: float64 is much larger than they."""
        refuse_non_finite(latents)
        least = np.broadcast_to(np.array(self.steps or self.step), len(latents))
        for first in range(0, len(latents), _TOGETHER):
            rows = slice(first, first + _TOGETHER)
            values = cosines.transformed(latents[rows].astype(np.float64) - float(_CENTRE))
            largest = np.abs(values).max((1, 2, 3, 4))
            scale = np.maximum(largest / (_LARGEST_CODE + 0.5), least[rows]).astype(np.float32)
            refuse_overflow(latents[rows], np.where(scale > _LARGEST_SCALE, np.inf, 1.0)[:, None], "dct", first)
            yield rows, _rounded(values / scale[:, None, None, None, None]), scale


def _rounded(steps: NDArray[np.float64]) -> NDArray[np.int16]:
    """Round coefficients in units of the step, each down or up, by error and bits."""
    size, signs = np.abs(steps), np.sign(steps)
    first = (signs * np.floor(size + (1 - ROUND_UP_FROM))).clip(-_LARGEST_CODE, _LARGEST_CODE).astype(np.int16)
    tables = spectrum.tables_of(spectrum.fitting(first))[..., None]
    below = np.minimum(np.floor(size), _LARGEST_CODE - 1)
    # What rounding down saves: in error 1 - 2 (size - below), in bits what the code above takes more.
    dearer = spectrum.bits_of(below + 1, tables) - spectrum.bits_of(below, tables)
    up = (size - below) ** 2 > (below + 1 - size) ** 2 + BIT_WORTH * dearer
    rounded: NDArray[np.int16] = (signs * (below + up)).astype(np.int16)
    return rounded


def _dequantised(codes: NDArray[np.int16], scale: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Compute float32(inverse transform) * scale + 1/2, each rounded to float32: every machine agrees."""
    latents = cosines.restored(codes, shape)
    latents *= scale[:, None, None, None]
    latents += _CENTRE
    return latents


def _stream(codes: NDArray[np.int16], heads: NDArray[np.uint8]) -> bytes:
    numbers = spectrum.tables_of(heads)
    rows = [codes[numbers == number].ravel() for number in np.unique(numbers)]
    return heads.tobytes() + entropy.encode(rows, np.unique(numbers), spectrum.TABLES).astype(entropy.WORD).tobytes()


def _decode_stream(stream: np.ndarray, codes: NDArray[np.int16]) -> None:
    numbers = spectrum.tables_of(stream[: len(codes)])
    present = np.unique(numbers)
    rows = [np.empty(codes[numbers == number].size, np.int16) for number in present]
    entropy.decode(words_of(stream[len(codes) :]), rows, present, spectrum.TABLES)
    for number, row in zip(present, rows, strict=True):
        codes[numbers == number] = row.reshape(-1, codes.shape[-1])
    if codes.min() < -_LARGEST_CODE:
        raise FormatError("its stream holds a code that no encoder writes")
