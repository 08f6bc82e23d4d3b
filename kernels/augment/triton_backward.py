"""The gradient of DSA in Triton: each source pixel gathers from the output pixels that read it.

No atomics: every gradient is written once, by one program, and sums have a fixed order.
"""

from collections.abc import Iterator
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from gsdd.kernels.augment.batch import Batch
from gsdd.kernels.augment.triton import (
    FLOATING,
    GEOMETRY_BITS,
    addressable,
    by_channel,
    geometry_of,
    offsets_of,
    pixels_of,
    same_layout,
    shipped_by,
    tile_constants,
    tile_grid,
    tiles_of,
)
from gsdd.kernels.augment.triton_sampling import (
    CONTRAST,
    CONTRAST_BIT,
    PLAN_COLUMNS,
    SATURATION,
    SATURATION_BIT,
    Omega,
    Source,
    candidate,
    candidate_counts,
    coverage,
    divided,
    divided_by_std,
    first_candidate,
    frame_of,
    in_hole,
)
from gsdd.kernels.backend import interpreted
from gsdd.kernels.launch import Launch
from gsdd.kernels.triton_rounding import rounded

# Programs that share the mean of an image.
PARTS = 16


@triton.jit
def levels_kernel(
    grad, ops, plan, out,
    image_stride, channel_stride, row_stride, column_stride, height, width,
    CHANNELS_LAST: tl.constexpr, LINES: tl.constexpr, ELEMENTS: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """Write a part of the mean gradient that reaches a source image through the geometry, where contrast acts."""
    image, part = (tl.program_id(0) // PARTS).to(tl.int64), tl.program_id(0) % PARTS
    omega = Omega(tl.load(ops + image), plan + image * PLAN_COLUMNS, 0.0)
    tiles, across = tiles_of(height, width, CHANNELS_LAST, LINES, ELEMENTS)
    tiles = tl.where((omega.bits & CONTRAST_BIT) != 0, tiles, 0)
    total = tl.zeros((LINES, ELEMENTS), tl.float32)
    for tile in range(part, tiles, PARTS):
        c, i, j, _, inside = pixels_of(tile, across, height, width, CHANNELS_LAST, LINES, ELEMENTS)
        offset = offsets_of(tile % across, c, i, j, channel_stride, row_stride, column_stride, CHANNELS_LAST, ELEMENTS)
        g = tl.load(grad + image * image_stride + offset, mask=inside, other=0).to(tl.float32)
        total += g * coverage(omega, i, j, height, width, inside)
    tl.store(out + tl.program_id(0), tl.sum(total) / (3 * height * width))


@triton.jit
def gathered(grad, omega, c, r, q, inside):
    """Sum what output pixels that read frame pixels (c, r, q) hand back: tap by tap, then the four in their order."""
    rows, columns = candidate_counts(omega)
    first_row, first_column = first_candidate(omega, r, q, grad.height, grad.width)
    upper_left, upper_right = tl.zeros(inside.shape, tl.float32), tl.zeros(inside.shape, tl.float32)
    lower_left, lower_right = tl.zeros(inside.shape, tl.float32), tl.zeros(inside.shape, tl.float32)
    for visit in range(rows * columns):
        i, j = first_row + visit // columns, first_column + visit % columns
        weight, tap = candidate(omega, i, j, r, q, grad.height, grad.width)
        offset = c * grad.channel_stride + i * grad.row_stride + j * grad.column_stride
        g = tl.load(grad.pointer + offset, mask=inside & (weight > 0), other=0).to(tl.float32) * weight
        upper_left += tl.where(tap == 0, g, 0.0)
        upper_right += tl.where(tap == 1, g, 0.0)
        lower_left += tl.where(tap == 2, g, 0.0)
        lower_right += tl.where(tap == 3, g, 0.0)
    return ((upper_left + upper_right) + lower_left) + lower_right


@triton.jit
def handed_back(grad, omega, c, r, q, inside):
    """Gradient that reaches colored source pixels (c, r, q) through the geometry."""
    frame_row, frame_column, kept = frame_of(omega, r, q, grad.height, grad.width)
    kept = kept & inside
    return tl.where(kept, gathered(grad, omega, c, frame_row, frame_column, kept), 0.0)


@triton.jit
def contrasted_back(g, omega):
    """Transpose of contrast; omega's pivot is the mean of g over the image."""
    if omega.bits & CONTRAST_BIT:
        factor = tl.load(omega.row + CONTRAST)
        g = g * factor + omega.pivot * (1.0 - factor)
    return g


@triton.jit
def colored_back(grad, omega, c, r, q, inside):
    """Gradient to source pixels (c, r, q), before normalisation's part."""
    saturates = (omega.bits & SATURATION_BIT) != 0
    own, total = tl.zeros(inside.shape, tl.float32), tl.zeros(inside.shape, tl.float32)
    for k in range(tl.where(saturates, 3, 1)):
        channel = tl.where(saturates, k, c)
        g = contrasted_back(handed_back(grad, omega, channel, r, q, inside), omega)
        own, total = tl.where(channel == c, g, own), total + g
    if saturates:
        factor = tl.load(omega.row + SATURATION)
        own = own * factor + divided(total, 3.0, 1.0 / 3.0) * (1.0 - factor)
    return own


@triton.jit
def in_place_back(grad, omega, c, r, q, offset, inside):
    """Gradient to pixels that stayed where they are, in memory too, and kept their saturation: loaded side by side."""
    g = tl.load(grad.pointer + offset, mask=inside, other=0).to(tl.float32)
    return contrasted_back(tl.where(in_hole(omega, r, q), 0.0, g), omega)


@triton.jit(do_not_specialize=["same_layout"])
def augment_backward_kernel(
    grad, ops, plan, levels, out,
    image_stride, channel_stride, row_stride, column_stride, same_layout, height, width,
    std_red, std_green, std_blue,
    CHANNELS_LAST: tl.constexpr, LINES: tl.constexpr, ELEMENTS: tl.constexpr, PARTS: tl.constexpr,
    INTERPRETED: tl.constexpr,
):  # fmt: skip
    """Write one tile of the gradient to the images; `same_layout` tells that `grad` lies in memory as it does."""
    tiles, across = tiles_of(height, width, CHANNELS_LAST, LINES, ELEMENTS)
    image = (tl.program_id(0) // tiles).to(tl.int64)
    c, r, q, offset, inside = pixels_of(tl.program_id(0) % tiles, across, height, width, CHANNELS_LAST, LINES, ELEMENTS)
    std = (std_red, std_green, std_blue)
    source = Source(
        grad + image * image_stride, channel_stride, row_stride, column_stride, height, width, std, std
    )  # fmt: skip
    bits = tl.load(ops + image)
    part = tl.arange(0, PARTS)
    contrasts = (bits & CONTRAST_BIT) != 0
    level = tl.sum(tl.load(levels + image * PARTS + part, mask=(part < PARTS) & contrasts, other=0.0))
    omega = Omega(bits, plan + image * PLAN_COLUMNS, level)
    if (same_layout != 0) & ((bits & (GEOMETRY_BITS | SATURATION_BIT)) == 0):
        g = in_place_back(source, omega, c, r, q, offset, inside)
    else:
        g = colored_back(source, omega, c, r, q, inside)
    g = divided_by_std(g, c, std)
    tl.store(out + image * (3 * height * width) + offset, rounded(g, out.dtype.element_ty, INTERPRETED), mask=inside)


def augment_backward_launches(batch: Batch, out: Tensor) -> list[Launch]:
    """Prepare the gradient to the images.

    Args:
        batch: the gradient to the augmented images, floating, in place of the images.
        out: where to, `[N, 3, H, W]`, contiguous or channels_last.

    Returns:
        Launches to run in this order: contrast's scalar an image, then the gradient.
    """
    grad = addressable(batch.images)
    levels = torch.empty(len(grad), PARTS, dtype=torch.float32, device=grad.device)
    arguments: dict[str, Any] = {"grad": grad, "ops": batch.ops, "plan": batch.plan} | geometry_of(grad)
    constants = tile_constants(grad, grad.dtype) | {"PARTS": PARTS}
    means = Launch(levels_kernel, (levels.numel(),), arguments | {"out": levels}, constants)
    arguments |= {"levels": levels, "out": out, "same_layout": int(same_layout(grad, out))}
    arguments |= by_channel("std", batch.normalisation.std, 1.0)
    constants = tile_constants(out, grad.dtype) | {"PARTS": PARTS, "INTERPRETED": interpreted()}
    return [means, Launch(augment_backward_kernel, tile_grid(out, grad.dtype), arguments, constants)]


def shipped() -> Iterator[tuple[str, Launch]]:
    """Name every configuration of the backward kernels, on tensors without data."""
    return shipped_by(augment_backward_launches, FLOATING, (torch.channels_last, torch.contiguous_format))
