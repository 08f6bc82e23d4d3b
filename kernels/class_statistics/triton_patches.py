"""Patches of augmented images as matrices: device functions that both directions of `class_statistics` inline.

A program takes some patches of one image. It gathers them once into two blocks, HEAD and TAIL pixels wide, since a
block's width is a power of two and a patch's size is not (147 = 128 + 19); from then on each filter costs two products.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor
from triton.language.extra import libdevice

from gsdd.kernels.class_statistics.filter_bank import FilterBank
from gsdd.kernels.launch import Launch

# A product takes at least this many pixels of a patch.
NARROWEST = 16
CHANNELS = 3
# Of a patch of 7x7, in its two blocks.
USUAL_WIDTH = 160


class Patches(NamedTuple):
    """Patches of one image, in registers.

    Attributes:
        head: their first pixels, channel after channel, `[patches, HEAD]`.
        tail: the others, zeros behind them, `[patches, TAIL]`; `head` where there are none.
        number: which patches of the image they are.
        there: which of them exist.
    """

    head: tl.tensor
    tail: tl.tensor
    number: tl.tensor
    there: tl.tensor


class Widths(NamedTuple):
    """How many pixels of a patch each block holds.

    Attributes:
        head: of the first, a power of two.
        tail: of the second, a power of two, or 0 where the first holds all.
    """

    head: int
    tail: int

    @property
    def both(self) -> int:
        """Of both together."""
        return self.head + self.tail


@dataclass(frozen=True)
class Tiling:
    """What a program does at a time.

    Attributes:
        patches: how many it gathers, a power of two, at least 16.
        filters: how many it multiplies them with at a time, a power of two.
        warps: of 32 threads.
        stages: depth of software pipelining.
    """

    patches: int
    filters: int
    warps: int
    stages: int = 2

    def of(self, bank: FilterBank) -> "Tiling":
        """Gather fewer where patches are large: two thirds of what registers hold are theirs."""
        wider = -(-widths_of(bank).both // USUAL_WIDTH)
        return self if wider == 1 else replace(self, patches=max(16, self.patches // triton.next_power_of_2(wider)))

    def launch(self, kernel: Any, programs: int, arguments: dict[str, Any], constants: dict[str, Any]) -> Launch:
        """Prepare so many programs of a kernel."""
        return Launch(kernel, (programs,), arguments, constants, warps=self.warps, stages=self.stages)


def widths_of(bank: FilterBank) -> Widths:
    """Split a patch's pixels, with the fewest zeros behind them."""
    pixels = CHANNELS * bank.patch**2
    head = max(NARROWEST, 1 << (pixels.bit_length() - 1))
    rest = pixels - head
    tail = max(NARROWEST, triton.next_power_of_2(rest)) if rest > 0 else 0
    return Widths(head, tail) if tail < head else Widths(2 * head, 0)


def padded_filters(bank: FilterBank) -> Tensor:
    """Lay filters out as kernels multiply with them: `[D, both widths]`, zeros behind each one's pixels."""
    matrix = bank.matrix(torch.float32)
    return F.pad(matrix, (0, widths_of(bank).both - matrix.shape[1]))


@triton.jit
def pixels_at(image, origin, there, first, height, width, PATCH: tl.constexpr, COUNT: tl.constexpr):
    """Load COUNT pixels of all patches, from the first on, zeros behind the last."""
    k = first + tl.arange(0, COUNT)
    place = k % (PATCH * PATCH)
    offset = k // (PATCH * PATCH) * (height * width) + place // PATCH * width + place % PATCH
    inside = there[:, None] & (k < 3 * PATCH * PATCH)[None, :]
    return tl.load(image + origin[:, None] + offset[None, :], mask=inside, other=0.0)


@triton.jit
def patches_of(
    image, block, height, width, patch_columns, patches,
    PATCH: tl.constexpr, STRIDE: tl.constexpr, HEAD: tl.constexpr, TAIL: tl.constexpr, PATCHES: tl.constexpr,
):  # fmt: skip
    """Gather a block of patches of one augmented image, dense float32 `[3, height, width]`."""
    p = block * PATCHES + tl.arange(0, PATCHES)
    there = p < patches
    origin = p // patch_columns * (STRIDE * width) + p % patch_columns * STRIDE
    head = pixels_at(image, origin, there, 0, height, width, PATCH, HEAD)
    tail = head
    if TAIL > 0:
        tail = pixels_at(image, origin, there, HEAD, height, width, PATCH, TAIL)
    return Patches(head, tail, p, there)


@triton.jit
def projected(
    patches, filters, phases, d, there, HEAD: tl.constexpr, TAIL: tl.constexpr, PRECISION: tl.constexpr
):  # fmt: skip
    """w . p + b of all patches for the filters d, `[patches, len(d)]`."""
    row = filters + d[None, :] * (HEAD + TAIL)
    k = tl.arange(0, HEAD)[:, None]
    x = tl.zeros((patches.head.shape[0], d.shape[0]), tl.float32)
    x = tl.dot(patches.head, tl.load(row + k, mask=there[None, :], other=0.0), x, input_precision=PRECISION)
    if TAIL > 0:
        k = HEAD + tl.arange(0, TAIL)[:, None]
        x = tl.dot(patches.tail, tl.load(row + k, mask=there[None, :], other=0.0), x, input_precision=PRECISION)
    return x + tl.load(phases + d, mask=there, other=0.0)[None, :]


@triton.jit
def within_half_turn(x):
    """Take whole turns off x: the fast cosine is only good to 2^-21 between -pi and pi. 2 pi is split in two."""
    turns = tl.floor(x * 0.15915494309189535 + 0.5)
    return tl.fma(turns, -1.9353071795864769e-3, tl.fma(turns, -6.28125, x))


@triton.jit
def cosine(x, INTERPRETED: tl.constexpr):
    """Cosine of any angle; `tl.cos` would take a stack frame, and the interpreter has no fast cosine."""
    return tl.cos(x) if INTERPRETED else libdevice.fast_cosf(within_half_turn(x))


@triton.jit
def sine(x, INTERPRETED: tl.constexpr):
    """Sine of any angle."""
    return tl.sin(x) if INTERPRETED else libdevice.fast_sinf(within_half_turn(x))
