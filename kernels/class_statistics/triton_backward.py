"""Class statistics in Triton, backward: projections are computed again, and nothing but the gradient is written.

A program owns a tile of source pixels. It finds the output pixels that read the tile, walks over the blocks of patches
that cover these, and for each block computes the projections, the gradient to the patches (one accumulator a channel,
over all filters), the gradient to the augmented pixels under the block, and what the tile's pixels gather of it. Blocks
at the border of two tiles are computed by both: that buys one store an element, without atomics.

Contrast hands each pixel a share of the gradient's mean over the image. As the path from patches to pixels is linear,
that mean is a sum over patches of their slopes times the projections of the coverage: how much of the source each
augmented pixel shows. A program an image computes it first, where contrast acts.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from gsdd.kernels.augment.batch import Batch
from gsdd.kernels.augment.triton import batch_arguments
from gsdd.kernels.augment.triton_backward import contrasted_back
from gsdd.kernels.augment.triton_sampling import (
    CONTRAST_BIT,
    SATURATION,
    SATURATION_BIT,
    Omega,
    Source,
    candidate_counts,
    candidate_weight,
    first_candidate,
    frame_of,
    omega_of,
)
from gsdd.kernels.class_statistics.filter_bank import FilterBank
from gsdd.kernels.class_statistics.triton import (
    GENERAL,
    WARPS,
    bank_arguments,
    patch_constants,
    shipped_inputs,
    side_of,
)
from gsdd.kernels.class_statistics.triton_patches import (
    Bank,
    coverage_of,
    patches_of,
    projected,
    region_of,
    region_pixels,
    sine,
    weights_of,
)
from gsdd.kernels.launch import Launch
from gsdd.kernels.triton_rounding import rounded

GRAD_STRIDES = ["grad_class_stride", "grad_filter_stride"]
TILE = 16
# Fewer than forward's: with three accumulators of patches, more filters or patches at a time fill the registers.
FILTERS, SIDE = 16, 4


class Upstream(NamedTuple):
    """Gradient to the statistics of an image's class.

    Attributes:
        pointer: its first element.
        stride: elements from a filter to the next.
        scale: what it is multiplied with: amplitude over patches, over images of the class.
    """

    pointer: tl.tensor
    stride: tl.tensor
    scale: tl.tensor


@triton.jit
def upstream_of(grad, class_stride, filter_stride, owners, starts, scale, image):
    """Find the gradient that an image gets from its class."""
    owner = tl.load(owners + image)
    count = (tl.load(starts + owner + 1) - tl.load(starts + owner)).to(tl.float32)
    return Upstream(grad + owner * class_stride, filter_stride, scale / count)


@triton.jit
def slopes_of(
    region, there, bank, upstream, d, PATCH: tl.constexpr, STRIDE: tl.constexpr, SIDE: tl.constexpr,
    REGION: tl.constexpr, OFFSETS: tl.constexpr, CHUNK: tl.constexpr, INTERPRETED: tl.constexpr,
):  # fmt: skip
    """Gradient to the projections, `[SIDE * SIDE, len(d)]`, zero for patches that are not there."""
    x = projected(region, bank, d, PATCH, STRIDE, SIDE, REGION, OFFSETS, CHUNK)
    slope = -sine(x, INTERPRETED) if bank.fourier != 0 else tl.where(x > 0, 1.0, 0.0)
    given = tl.load(upstream.pointer + d * upstream.stride, mask=d < bank.filters, other=0.0) * upstream.scale
    return tl.where(there[:, None], slope * given[None, :], 0.0)


@triton.jit(do_not_specialize=[*GENERAL, *GRAD_STRIDES])
def levels_kernel(
    images, ops, plan, means, frequencies, phases, grad, owners, starts, out, scale,
    image_stride, channel_stride, row_stride, column_stride, height, width,
    mean_red, mean_green, mean_blue, std_red, std_green, std_blue,
    filter_stride, weight_channel_stride, weight_row_stride, weight_column_stride, phase_stride, filters,
    patch_rows, patch_columns, fourier, grad_class_stride, grad_filter_stride,
    PATCH: tl.constexpr, STRIDE: tl.constexpr, SIDE: tl.constexpr, OFFSETS: tl.constexpr, REGION: tl.constexpr,
    CHUNK: tl.constexpr, FILTERS: tl.constexpr, INTERPRETED: tl.constexpr,
):  # fmt: skip
    """Write the mean over one image of the gradient that reaches contrast; 0 where contrast does not act."""
    image = tl.program_id(0).to(tl.int64)
    source = Source(
        images + image * image_stride, channel_stride, row_stride, column_stride, height, width,
        (mean_red, mean_green, mean_blue), (std_red, std_green, std_blue),
    )  # fmt: skip
    omega = omega_of(ops, plan, means, image)
    bank = Bank(
        frequencies, phases, filter_stride, weight_channel_stride, weight_row_stride, weight_column_stride,
        phase_stride, filters, fourier,
    )  # fmt: skip
    upstream = upstream_of(grad, grad_class_stride, grad_filter_stride, owners, starts, scale, image)
    p = tl.arange(0, SIDE * SIDE)
    across = tl.cdiv(patch_columns, SIDE)
    blocks = tl.where((omega.bits & CONTRAST_BIT) != 0, across * tl.cdiv(patch_rows, SIDE), 0)
    total = tl.zeros((SIDE * SIDE, FILTERS), tl.float32)
    for block in range(blocks):
        first_row, first_column = block // across * SIDE, block % across * SIDE
        there = (first_row + p // SIDE < patch_rows) & (first_column + p % SIDE < patch_columns)
        i, j = region_pixels(first_row * STRIDE, first_column * STRIDE, REGION)
        region = region_of(source, omega, i, j)
        coverage = coverage_of(omega, i, j, height, width)
        for first in range(0, filters, FILTERS):
            d = first + tl.arange(0, FILTERS)
            slopes = slopes_of(
                region, there, bank, upstream, d, PATCH, STRIDE, SIDE, REGION, OFFSETS, CHUNK, INTERPRETED
            )
            for chunk in range(OFFSETS // CHUNK):
                weights = weights_of(bank, 0, d, chunk, PATCH, CHUNK)
                weights += weights_of(bank, 1, d, chunk, PATCH, CHUNK)
                weights += weights_of(bank, 2, d, chunk, PATCH, CHUNK)
                shown = patches_of(coverage, chunk, PATCH, STRIDE, SIDE, REGION, CHUNK)
                total += slopes * tl.dot(shown, weights, input_precision="tf32x3")
    tl.store(out + image, tl.sum(total) / (3 * height * width))


@triton.jit
def span_of(first, count, shown, limit):
    """First and last + 1 of the output rows (or columns) that the shown pixels of a tile may be read by."""
    start = tl.min(tl.where(shown, first, limit))
    stop = tl.max(tl.where(shown, first + count, 0))
    return tl.maximum(start, 0), tl.minimum(stop, limit)


@triton.jit
def first_patch(pixel, PATCH: tl.constexpr, STRIDE: tl.constexpr):
    """First patch (row or column of patches) that reaches a pixel."""
    return tl.maximum(pixel - PATCH + STRIDE, 0) // STRIDE


@triton.jit
def patch_gradient(total, slopes, bank, channel, d, PATCH: tl.constexpr, OFFSETS: tl.constexpr):
    """Add what the filters d give to one channel of the patches, `[SIDE * SIDE, OFFSETS]`."""
    weights = tl.trans(weights_of(bank, channel, d, 0, PATCH, OFFSETS))
    return tl.dot(slopes, weights, total, input_precision="ieee")


@triton.jit
def region_gradient(
    patches, PATCH: tl.constexpr, STRIDE: tl.constexpr, SIDE: tl.constexpr, OFFSETS: tl.constexpr, REGION: tl.constexpr
):
    """Sum the gradients of one channel's patches over the patches that share a pixel."""
    flat = tl.reshape(patches, [SIDE * SIDE * OFFSETS])
    row, column = region_pixels(0, 0, REGION)
    total = tl.zeros((REGION * REGION,), tl.float32)
    for step in range((PATCH + STRIDE - 1) // STRIDE * ((PATCH + STRIDE - 1) // STRIDE)):
        y = row // STRIDE - step // ((PATCH + STRIDE - 1) // STRIDE)
        x = column // STRIDE - step % ((PATCH + STRIDE - 1) // STRIDE)
        dy, dx = row - y * STRIDE, column - x * STRIDE
        reached = (y >= 0) & (y < SIDE) & (x >= 0) & (x < SIDE) & (dy < PATCH) & (dx < PATCH)
        place = tl.where(reached, (y * SIDE + x) * OFFSETS + dy * PATCH + dx, 0)
        total += tl.where(reached, tl.gather(flat, place, 0), 0.0)
    return total


@triton.jit
def handed_back(region, omega, tile, top, left, height, width, REGION: tl.constexpr):
    """Sum what the pixels of a tile get from a region of output pixels: (red, green, blue)."""
    row, column, shown = tile
    i0, j0 = first_candidate(omega, row, column, height, width)
    rows, columns = candidate_counts(omega)
    red = tl.zeros(row.shape, tl.float32)
    green = tl.zeros(row.shape, tl.float32)
    blue = tl.zeros(row.shape, tl.float32)
    for candidate in range(rows * columns):
        i, j = i0 + candidate // columns, j0 + candidate % columns
        near = shown & (i >= top) & (i < top + REGION) & (j >= left) & (j < left + REGION)
        weight = tl.where(near, candidate_weight(omega, i, j, row, column, height, width), 0.0)
        place = tl.where(near, (i - top) * REGION + j - left, 0)
        red += weight * tl.gather(region[0], place, 0)
        green += weight * tl.gather(region[1], place, 0)
        blue += weight * tl.gather(region[2], place, 0)
    return red, green, blue


@triton.jit
def desaturated_back(red, green, blue, omega):
    """Transpose of saturation."""
    if omega.bits & SATURATION_BIT:
        factor = tl.load(omega.row + SATURATION)
        grey = tl.math.div_rn((red + green) + blue, 3.0) * (1.0 - factor)
        red, green, blue = red * factor + grey, green * factor + grey, blue * factor + grey
    return red, green, blue


@triton.jit(do_not_specialize=[*GENERAL, *GRAD_STRIDES])
def gradient_kernel(
    images, ops, plan, means, frequencies, phases, grad, owners, starts, levels, out, scale,
    image_stride, channel_stride, row_stride, column_stride, height, width,
    mean_red, mean_green, mean_blue, std_red, std_green, std_blue,
    filter_stride, weight_channel_stride, weight_row_stride, weight_column_stride, phase_stride, filters,
    patch_rows, patch_columns, fourier, grad_class_stride, grad_filter_stride,
    PATCH: tl.constexpr, STRIDE: tl.constexpr, SIDE: tl.constexpr, OFFSETS: tl.constexpr, REGION: tl.constexpr,
    CHUNK: tl.constexpr, FILTERS: tl.constexpr, INTERPRETED: tl.constexpr, TILE: tl.constexpr,
):  # fmt: skip
    """Write the gradient of one tile of source pixels, all three channels."""
    across = tl.cdiv(width, TILE)
    tiles = across * tl.cdiv(height, TILE)
    image, tile = (tl.program_id(0) // tiles).to(tl.int64), tl.program_id(0) % tiles
    source = Source(
        images + image * image_stride, channel_stride, row_stride, column_stride, height, width,
        (mean_red, mean_green, mean_blue), (std_red, std_green, std_blue),
    )  # fmt: skip
    omega = omega_of(ops, plan, means, image)
    bank = Bank(
        frequencies, phases, filter_stride, weight_channel_stride, weight_row_stride, weight_column_stride,
        phase_stride, filters, fourier,
    )  # fmt: skip
    upstream = upstream_of(grad, grad_class_stride, grad_filter_stride, owners, starts, scale, image)
    p = tl.arange(0, SIDE * SIDE)
    r, q = region_pixels(tile // across * TILE, tile % across * TILE, TILE)
    row, column, shown = frame_of(omega, r, q, height, width)
    shown = shown & (r < height) & (q < width)
    i0, j0 = first_candidate(omega, row, column, height, width)
    rows, columns = candidate_counts(omega)
    top, bottom = span_of(i0, rows, shown, height)
    left, right = span_of(j0, columns, shown, width)
    red = tl.zeros((TILE * TILE,), tl.float32)
    green = tl.zeros((TILE * TILE,), tl.float32)
    blue = tl.zeros((TILE * TILE,), tl.float32)
    last_row = tl.minimum(tl.cdiv(bottom, STRIDE), patch_rows)
    last_column = tl.minimum(tl.cdiv(right, STRIDE), patch_columns)
    for first_row in range(first_patch(top, PATCH, STRIDE), last_row, SIDE):
        for first_column in range(first_patch(left, PATCH, STRIDE), last_column, SIDE):
            there = (first_row + p // SIDE < last_row) & (first_column + p % SIDE < last_column)
            i, j = region_pixels(first_row * STRIDE, first_column * STRIDE, REGION)
            region = region_of(source, omega, i, j)
            of_red = tl.zeros((SIDE * SIDE, OFFSETS), tl.float32)
            of_green = tl.zeros((SIDE * SIDE, OFFSETS), tl.float32)
            of_blue = tl.zeros((SIDE * SIDE, OFFSETS), tl.float32)
            for first in range(0, filters, FILTERS):
                d = first + tl.arange(0, FILTERS)
                slopes = slopes_of(
                    region, there, bank, upstream, d, PATCH, STRIDE, SIDE, REGION, OFFSETS, CHUNK, INTERPRETED
                )
                of_red = patch_gradient(of_red, slopes, bank, 0, d, PATCH, OFFSETS)
                of_green = patch_gradient(of_green, slopes, bank, 1, d, PATCH, OFFSETS)
                of_blue = patch_gradient(of_blue, slopes, bank, 2, d, PATCH, OFFSETS)
            back = (
                region_gradient(of_red, PATCH, STRIDE, SIDE, OFFSETS, REGION),
                region_gradient(of_green, PATCH, STRIDE, SIDE, OFFSETS, REGION),
                region_gradient(of_blue, PATCH, STRIDE, SIDE, OFFSETS, REGION),
            )
            part = handed_back(
                back, omega, (row, column, shown), first_row * STRIDE, first_column * STRIDE, height, width, REGION
            )
            red, green, blue = red + part[0], green + part[1], blue + part[2]
    level = tl.load(levels + image, mask=(omega.bits & CONTRAST_BIT) != 0, other=0.0)
    pivoted = Omega(omega.bits, omega.row, level)
    red, green, blue = desaturated_back(
        contrasted_back(red, pivoted), contrasted_back(green, pivoted), contrasted_back(blue, pivoted), omega
    )
    store_tile(out + image * (3 * height * width), red, green, blue, source, r, q, INTERPRETED)


@triton.jit
def store_tile(out, red, green, blue, source, r, q, INTERPRETED: tl.constexpr):
    """Store three channels of a tile as one block, so that a thread holds neighbours and stores them together."""
    c = tl.arange(0, 4)[:, None]
    value = tl.where(c == 0, red[None, :], tl.where(c == 1, green[None, :], blue[None, :]))
    std = tl.where(c == 0, source.std[0], tl.where(c == 1, source.std[1], source.std[2]))
    inside = (c < 3) & ((r < source.height) & (q < source.width))[None, :]
    place = (c * source.height + r[None, :]) * source.width + q[None, :]
    value = tl.math.div_rn(value, std + tl.zeros(value.shape, tl.float32))
    tl.store(out + place, rounded(value, out.dtype.element_ty, INTERPRETED), mask=inside)


def class_statistics_backward_launches(
    grad: Tensor, batch: Batch, bank: FilterBank, owners: Tensor, starts: Tensor, out: Tensor
) -> list[Launch]:
    """Prepare the gradient to the images; contrast's scalar an image is allocated here.

    Args:
        grad: to the class statistics, float32 `[C, D]`, any strides.
        batch: images, class after class.
        bank: filters, their stride and nonlinearity.
        owners: class of each image, int64 `[N]`.
        starts: first image of each class, and N, int64 `[C + 1]`.
        out: where to, floating `[N, 3, H, W]`, contiguous.

    Returns:
        Launches to run in this order.
    """
    count, _, height, width = batch.images.shape
    levels = torch.empty(count, dtype=torch.float32, device=out.device)
    rows, columns = bank.grid(batch.images)
    arguments = batch_arguments(batch) | bank_arguments(bank, batch.images) | {"grad": grad, "owners": owners}
    arguments |= {
        "grad_class_stride": grad.stride(0),
        "grad_filter_stride": grad.stride(1),
        "starts": starts,
        "scale": bank.amplitude / (rows * columns),
    }
    tiles = triton.cdiv(height, TILE) * triton.cdiv(width, TILE)
    return [
        Launch(levels_kernel, (count,), arguments | {"out": levels}, patch_constants(bank, side_of(bank)), warps=WARPS),
        Launch(
            gradient_kernel,
            (count * tiles,),
            arguments | {"levels": levels, "out": out},
            patch_constants(bank, SIDE) | {"TILE": TILE, "FILTERS": FILTERS},
            warps=WARPS,
            stages=1,
        ),
    ]


def shipped() -> Iterator[tuple[str, Launch]]:
    """Yield a name and a launch for every dtype and configuration that ships."""
    owners, starts = torch.empty(4, dtype=torch.int64, device="meta"), torch.empty(3, dtype=torch.int64, device="meta")
    grad = torch.empty(2, 512, device="meta")
    for name, batch, bank in shipped_inputs():
        if batch.images.is_floating_point():
            out = torch.empty_like(batch.images)
            for launch in class_statistics_backward_launches(grad, batch, bank, owners, starts, out):
                yield f"{launch.kernel.__name__}, {name}", launch
