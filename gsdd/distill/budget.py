"""A size that the file is to have: how many latents serve it, and what each of them may take."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsdd.errors import RecipeError
from gsdd.formats.dct_codec import STEPS, DctCodec

# Bits for each pixel of an HR image, all bytes of the file counted, that the number of latents is chosen for.
SERVING_BPP = 0.25
# Of a target: what a file may leave of it unused.
UNUSED = 0.02
_HALVINGS = 16
# Steps of latents are powers of 2^(1/64): few different ones take few bytes in a deflated file.
OCTAVE = 64
# Of a target, what is shared out: latents take a bit more or less than their shares.
SHARED = 0.995

Latents = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Budget:
    """Bytes for a file.

    Attributes:
        bytes: of the whole file, at most.
        overhead: of them, what is not in streams of latents, about.
        step: of the codec, at which the latents that a search begins from meet the size.
        shares: bytes that each latent may take: what the one that it begins from takes at that step.
    """

    bytes: int
    overhead: int
    step: float
    shares: tuple[float, ...]

    @classmethod
    def of(cls, target: int, overhead: int, start: Latents) -> "Budget":
        """Share out what a file's size leaves for its latents.

        Args:
            target: bytes of the whole file.
            overhead: of them, what is not in streams.
            start: the latents that the search begins from, float32 `[N, 3, h, w]`.

        Raises:
            RecipeError: a file of the size cannot hold so many latents.
        """
        codec = finest(lambda codec: overhead + codec.stream_bytes(start), target)
        shares = codec.bytes_of(start)
        left = SHARED * target - overhead
        # At the finest step latents may take less than there is.
        wanted = shares if codec.step == STEPS[0] else shares * left / shares.sum()
        return cls(target, overhead, codec.step, tuple(wanted.tolist()))

    @property
    def likely(self) -> int:
        """Give what the file will about take: the target, or what it takes at the finest step."""
        return min(self.bytes, self.overhead + int(sum(self.shares) / SHARED))

    def codec_for(self, latents: Latents, numbers: Sequence[int]) -> DctCodec:
        """Choose the steps at which latents take their shares.

        Args:
            latents: some of the file, float32 `[n, 3, h, w]`.
            numbers: theirs.
        """
        return near(self.step, latents, np.array(self.shares)[list(numbers)])


def finest(size: Callable[[DctCodec], int], most: int) -> DctCodec:
    """Find the smallest step whose file is small enough.

    Args:
        size: tells the bytes at a step; a smaller one makes no file smaller, but for a few bytes.
        most: bytes that are allowed.

    Returns:
        The codec at that step.

    Raises:
        RecipeError: there is none.
    """
    if (least := size(DctCodec().at(STEPS[1]))) > most:
        raise RecipeError(
            f"target of {most:,} bytes: so many latents take at least {least:,}; choose a larger one, or lower `ipc`"
        )
    if size(DctCodec().at(STEPS[0])) <= most:
        return DctCodec().at(STEPS[0])
    low, high = map(math.log2, STEPS)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if size(DctCodec().at(2.0**middle)) <= most else (middle, high)
    return DctCodec().at(2.0**high)


def near(step: float, latents: Latents, shares: NDArray[np.float64]) -> DctCodec:
    """Find for each latent the step, near a common one, at which it about takes its share.

    Args:
        step: where to look: from half of it to four times as much.
        latents: float32 `[N, 3, h, w]`.
        shares: bytes, `[N]`.

    Returns:
        The codec at these steps, the nearest in bytes; where a stream is too large even at the largest, at that.
    """
    middle = round(OCTAVE * math.log2(step))
    fine, coarse = (np.full(len(latents), middle + octaves * OCTAVE) for octaves in (-1, 2))
    while (coarse - fine).max() > 1:
        tried = (fine + coarse) // 2
        fits = _at(tried).bytes_of(latents) <= shares
        fine, coarse = np.where(fits, fine, tried), np.where(fits, tried, coarse)
    beyond, short = (np.abs(_at(steps).bytes_of(latents) - shares) for steps in (fine, coarse))
    return _at(np.where(beyond < short, fine, coarse))


def _at(octaves: NDArray[np.int64]) -> DctCodec:
    return DctCodec().at_each(2.0 ** (octaves / OCTAVE))


def meeting(size: Callable[[DctCodec], int], codec: DctCodec, most: int) -> DctCodec:
    """Make all steps of a codec finer or coarser where its file is too large, or leaves much of what is allowed.

    Args:
        size: tells the bytes of the file.
        codec: as the search used it.
        most: bytes that are allowed.

    Returns:
        The codec as it was, or with steps in the same proportions; the coarsest where no file is small enough.
    """
    if (1 - UNUSED) * most <= size(codec) <= most:
        return codec
    steps = np.array(codec.steps)

    def scaled(other: DctCodec) -> DctCodec:
        return codec.at_each(steps * other.step / steps.mean())

    if size(coarsest := scaled(DctCodec().at(STEPS[1]))) > most:
        return coarsest
    return scaled(finest(lambda other: size(scaled(other)), most))


def latents_for(target: int, classes: int, hr_size: int) -> int:
    """Choose how many latents of each class a file of some bytes serves best with.

    Args:
        target: bytes of the file.
        classes: how many there are.
        hr_size: side of an HR image in pixels.

    Returns:
        At least 1.
    """
    return max(1, round(8 * target / SERVING_BPP / hr_size**2 / classes))
