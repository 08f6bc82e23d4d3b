"""A size that the file is to have: how many latents serve it, and what each of them may take."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gsdd.distill.coefficients import Coded, Coefficients
from gsdd.errors import RecipeError
from gsdd.formats.dct_codec import STEPS, DctCodec
from gsdd.kernels.upload import uploaded

# Bits for each pixel of an HR image, all bytes of the file counted, that the number of latents is chosen for.
SERVING_BPP = 0.25
# Of a target: what a file may leave of it unused.
UNUSED = 0.02
_HALVINGS = 16
# Steps of latents are powers of 2^(1/64): few different ones take few bytes in a deflated file.
OCTAVE = 64
# Where the steps of latents are looked for, in octaves around a common one, and how often that range is halved.
_AROUND = (-1, 2)
_NEAR_HALVINGS = 8
# Latents whose steps are chosen at once after the search.
_TOGETHER = 64
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

    def codec_for(self, latents: Latents) -> DctCodec:
        """Choose the steps at which all latents of the file take their shares.

        Args:
            latents: float32 `[N, 3, h, w]`.
        """
        rows = torch.arange(len(latents)).split(_TOGETHER)
        steps = [self.coded(Coefficients.of(torch.from_numpy(latents)[some]), some.tolist()).steps for some in rows]
        return DctCodec().at_each(torch.cat(steps).numpy())

    def coded(self, coefficients: Coefficients, numbers: Sequence[int]) -> Coded:
        """Code latents at the steps at which they take their shares; the host waits for nothing.

        Args:
            coefficients: of some latents of the file.
            numbers: theirs.
        """
        shares = torch.tensor([self.shares[number] for number in numbers], dtype=torch.float64)
        return near(self.step, coefficients, uploaded(shares, coefficients.values.device))


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


def near(step: float, coefficients: Coefficients, shares: Tensor) -> Coded:
    """Find for each latent the step, near a common one, at which it about takes its share.

    Args:
        step: where to look: from half of it to four times as much.
        coefficients: of latents.
        shares: bytes, float64 `[N]`, where the coefficients lie.

    Returns:
        The latents at these steps, the nearest in bytes; where a stream is too large even at the largest, at that.
    """
    middle = round(OCTAVE * math.log2(step))
    fine, coarse = (torch.full_like(shares, middle + octaves * OCTAVE, dtype=torch.int64) for octaves in _AROUND)
    for _ in range(_NEAR_HALVINGS):
        tried = (fine + coarse) >> 1
        fits = coefficients.coded(_steps(tried)).bytes <= shares
        fine, coarse = torch.where(fits, fine, tried), torch.where(fits, tried, coarse)
    beyond, short = ((coefficients.coded(_steps(octaves)).bytes - shares).abs() for octaves in (fine, coarse))
    return coefficients.coded(_steps(torch.where(beyond < short, fine, coarse)))


def _steps(octaves: Tensor) -> Tensor:
    """Look steps up: 2^(octaves/64), brought into the range."""
    finest = round(OCTAVE * math.log2(STEPS[0]))
    table = _table_of_steps(octaves.device)
    return table[(octaves - finest).clamp_(0, len(table) - 1)]


@cache
def _table_of_steps(device: torch.device) -> Tensor:
    octaves = range(*(round(OCTAVE * math.log2(step)) + end for end, step in enumerate(STEPS)))
    return torch.tensor([2.0 ** (octave / OCTAVE) for octave in octaves], dtype=torch.float64).to(device)


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


def latents_for(target: int, classes: int, hr_size: int, bpp: float = SERVING_BPP) -> int:
    """Choose how many latents of each class a file of some bytes serves best with.

    Args:
        target: bytes of the file.
        classes: how many there are.
        hr_size: side of an HR image in pixels.
        bpp: bits for each pixel of an HR image.

    Returns:
        At least 1.
    """
    return max(1, round(8 * target / bpp / hr_size**2 / classes))
