"""Latents as quantised cosine coefficients that are entropy-coded: few bits, at a step that is chosen freely."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gsdd.errors import FormatError, RecipeError
from gsdd.formats import cosines, entropy, spectrum
from gsdd.formats.codec import ALL, LATENTS, LENGTHS, SCALE, Codec, Shape, Tensors, refuse_non_finite, refuse_overflow
from gsdd.formats.tensors import FREE, Layout

DEFAULT_STEP = 1 / 16
STEPS = (2.0**-10, 2.0)
# What rounding may cost, as a squared share of a step, to save a bit: a coefficient is rounded to the multiple above or
# below it, whichever is worth more. The first rounding, which decides on the tables, is up from a fixed share.
BIT_WORTH = 0.05
ROUND_UP_FROM = 0.6
LARGEST_CODE = 2047
_LARGEST_SCALE = 2.0**100
# Bytes of a stream before its words: what `spectrum.tables_of` takes.
HEAD = cosines.CHANNELS
# Codes that no encoder exceeds in a byte. What a reader allocates is bounded by it.
_MOST_CODES = 800
# Latents that are encoded at once, and values of a plane that are decoded at once: these stay in the processor's cache.
_TOGETHER = 64
# Codes of one latent, which is decoded in one piece: of an HR image of 4,700 pixels a side, beyond what any G makes.
_MOST_OF_ONE = 1 << 22
_DECODED_TOGETHER = 96 * 1024
_CENTRE = np.float32(0.5)
# Bits that a coefficient of a photo often takes at a step of 1/16.
_LIKELY_BITS = 2.3
# Of a stream, beyond the bits of its codes, on average.
STATE_BYTES = 5


@dataclass(frozen=True)
class DctCodec(Codec):
    """z = 1/2 + scale * (inverse cosine transform of the codes), over channels and blocks of 8x8; a stream a latent.

    Args:
        step: what encoding makes the scale, in units of z; decoding takes that of each latent.
        steps: the same, one a latent, where they differ.
    """

    step: float = DEFAULT_STEP
    steps: tuple[float, ...] = ()
    since: ClassVar[int] = 3

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

    def layouts(self, shape: Shape) -> dict[str, Layout]:
        """Name the streams, one behind the other, and two tables: their bytes, and their steps."""
        table = shape[:1]
        return {LATENTS: Layout("U8", (FREE,)), LENGTHS: Layout("I32", table), SCALE: Layout("F32", table)}

    def likely_bytes(self, shape: Shape) -> int:
        """Take what photos often take."""
        bits = max(_LIKELY_BITS - math.log2(self.step / DEFAULT_STEP), 0.1)
        return shape[0] * (HEAD + entropy.WORD.itemsize) + int(math.prod(shape) * bits / 8)

    def encode(self, latents: np.ndarray) -> dict[str, np.ndarray]:
        """Round coefficients to multiples of the step, and code them by the spectrum that fits best."""
        streams, scales = [], []
        for _, codes, scale in self._quantised(latents):
            streams += [_stream(*each) for each in zip(codes, spectrum.fitting(codes), strict=True)]
            scales.append(scale)
        data, lengths = np.frombuffer(b"".join(streams), np.uint8), np.array(list(map(len, streams)), np.int32)
        return {LATENTS: data, LENGTHS: lengths, SCALE: np.concatenate(scales)}

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
        return np.concatenate(bits) / 8 + (HEAD + STATE_BYTES)

    def stream_bytes(self, latents: np.ndarray) -> int:
        """Compute what streams of latents take together, as `bytes_of`."""
        return int(self.bytes_of(latents).sum())

    def decode(self, tensors: Tensors, shape: Shape, which: slice = ALL) -> np.ndarray:
        """Decode the streams that are asked for, and transform them back."""
        numbers = range(shape[0])[which]
        latents = np.empty((len(numbers), *shape[1:]), np.float32)
        bounds = np.concatenate([[0], np.cumsum(tensors[LENGTHS], dtype=np.int64)])
        step = max(1, _DECODED_TOGETHER // (shape[2] * shape[3]))
        for first in range(0, len(numbers), step):
            some = numbers[first : first + step]
            cut = {number: tensors[LATENTS][bounds[number] : bounds[number + 1]] for number in some}
            scale = tensors[SCALE][list(some)]
            latents[first : first + step] = _dequantised(_codes_of(cut, shape), scale, (len(some), *shape[1:]))
        return latents

    def check(self, tensors: Tensors, shape: Shape) -> None:
        """Refuse streams that no encoder cuts so, and scales that lead to infinity."""
        if math.prod(shape[1:]) > _MOST_OF_ONE:
            raise FormatError(f"latents of {list(shape[1:])} have more than the {_MOST_OF_ONE} values of a stream")
        lengths, scale = tensors[LENGTHS].astype(np.int64), tensors[SCALE]
        least = max(HEAD, -(-math.prod(shape[1:]) // _MOST_CODES))
        if (lengths < least).any() or lengths.sum() != len(tensors[LATENTS]):
            raise FormatError(f"{LENGTHS} are not those of {len(lengths)} streams in {len(tensors[LATENTS])} bytes")
        if not (np.isfinite(scale).all() and (scale >= 0).all()):
            raise FormatError(f"{SCALE} holds numbers that are negative or not finite")
        if scale.max() > _LARGEST_SCALE:
            raise FormatError(f"{SCALE} leads to latents that are not finite")

    def _quantised(self, latents: np.ndarray) -> Iterator[tuple[slice, NDArray[np.int16], NDArray[np.float32]]]:
        """Give codes and scales of a few latents at a time, and which they are: float64 is much larger than they."""
        refuse_non_finite(latents)
        least = np.broadcast_to(np.array(self.steps or self.step), len(latents))
        for first in range(0, len(latents), _TOGETHER):
            rows = slice(first, first + _TOGETHER)
            values = cosines.transformed(latents[rows].astype(np.float64) - float(_CENTRE))
            largest = np.abs(values).max((1, 2, 3, 4))
            scale = np.maximum(largest / (LARGEST_CODE + 0.5), least[rows]).astype(np.float32)
            refuse_overflow(latents[rows], np.where(scale > _LARGEST_SCALE, np.inf, 1.0)[:, None], "dct", first)
            yield rows, _rounded(values / scale[:, None, None, None, None]), scale


def _rounded(steps: NDArray[np.float64]) -> NDArray[np.int16]:
    """Round coefficients in units of the step, each down or up, by error and bits."""
    size, signs = np.abs(steps), np.sign(steps)
    first = (signs * np.floor(size + (1 - ROUND_UP_FROM))).clip(-LARGEST_CODE, LARGEST_CODE).astype(np.int16)
    tables = spectrum.tables_of(spectrum.fitting(first))[..., None]
    below = np.minimum(np.floor(size), LARGEST_CODE - 1)
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
    tables = spectrum.tables_of(heads)
    present = np.unique(tables)
    return heads.tobytes() + entropy.encode([codes[tables == number].ravel() for number in present], present)


def _codes_of(cut: Mapping[int, NDArray[np.uint8]], shape: Shape) -> NDArray[np.int16]:
    """Decode streams, by number of latent."""
    codes = np.empty((len(cut), *cosines.coefficients(shape)), np.int16)
    for (number, stream), each in zip(cut.items(), codes, strict=True):
        try:
            _decode_stream(stream, each)
        except FormatError as error:
            raise FormatError(f"latent {number}: {error}") from error
    return codes


def _decode_stream(stream: NDArray[np.uint8], codes: NDArray[np.int16]) -> None:
    tables = spectrum.tables_of(stream[:HEAD])
    present = np.unique(tables)
    rows = [np.empty(codes[tables == number].size, np.int16) for number in present]
    entropy.decode(stream[HEAD:].tobytes(), rows, present)
    for number, row in zip(present, rows, strict=True):
        codes[tables == number] = row.reshape(-1, codes.shape[-1])
    if codes.min() < -LARGEST_CODE:
        raise FormatError("its stream holds a code that no encoder writes")
