"""DSA in Triton: a program augments one tile of one image, all images go in one launch.

A tile is some lines of the result's memory: NCHW has a line a row and channel, and the three channels of a row are in
the same tile; channels_last has a line a row, red, green and blue of each pixel side by side.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.augment.batch import Batch, Normalisation
from gsdd.kernels.augment.plan import PlanColumn
from gsdd.kernels.augment.triton_sampling import (
    BRIGHTNESS,
    CONTRAST_BIT,
    SATURATION,
    SATURATION_BIT,
    Source,
    augmented,
    contrasted,
    in_hole,
    normalise,
    normalised,
    omega_of,
    saturated,
)
from gsdd.kernels.augmentation import op_bits
from gsdd.kernels.backend import interpreted
from gsdd.kernels.launch import Launch
from gsdd.kernels.triton_rounding import rounded

ELEMENTS = 128
GEOMETRY_BITS = tl.constexpr(op_bits(["crop", "flip", "scale", "rotate"]))
FLOATING = (torch.float32, torch.bfloat16, torch.float16)


@triton.jit
def tiles_of(height, width, CHANNELS_LAST: tl.constexpr, LINES: tl.constexpr, ELEMENTS: tl.constexpr):
    """Count the tiles of an image: (all, side by side)."""
    if CHANNELS_LAST:
        across, lines = tl.cdiv(3 * width, ELEMENTS), height
    else:
        across, lines = tl.cdiv(width, ELEMENTS), 3 * height
    return across * tl.cdiv(lines, LINES), across


@triton.jit
def pixels_of(tile, across, height, width, CHANNELS_LAST: tl.constexpr, LINES: tl.constexpr, ELEMENTS: tl.constexpr):
    """Find a tile's pixels: (channels, rows, columns, offsets in a dense image, which exist)."""
    line = (tile // across) * LINES + tl.arange(0, LINES)[:, None]
    e = (tile % across) * ELEMENTS + tl.arange(0, ELEMENTS)[None, :]
    if CHANNELS_LAST:
        c, i, j = e % 3, line, e // 3
        offset, inside = line * (3 * width) + e, (line < height) & (e < 3 * width)
    else:
        c, i, j = line % 3, line // 3, e
        offset, inside = (c * height + i) * width + e, (line < 3 * height) & (e < width)
    return c, i, j, offset, inside


@triton.jit
def offsets_of(
    tile, c, i, j, channel_stride, row_stride, column_stride, CHANNELS_LAST: tl.constexpr, ELEMENTS: tl.constexpr
):  # fmt: skip
    """Offsets of a tile's pixels in an image of any strides; `tile` counts from the left."""
    if CHANNELS_LAST:
        offset = i * row_stride + (tile * ELEMENTS + tl.arange(0, ELEMENTS)[None, :])
    else:
        offset = c * channel_stride + i * row_stride + j * column_stride
    return offset


@triton.jit
def in_place(source, omega, c, i, j, offset, inside):
    """Value of pixels that stay where they are, in memory too: loaded side by side."""
    brightness = tl.load(omega.row + BRIGHTNESS)
    x = tl.load(source.pointer + offset, mask=inside, other=0)
    x = normalise(x, c, source.mean, source.std) + brightness
    if omega.bits & SATURATION_BIT:
        total = tl.zeros(inside.shape, tl.float32)
        for channel in range(3):
            total += normalised(source, channel, i, j, inside) + brightness
        x = saturated(x, total, tl.load(omega.row + SATURATION))
    return tl.where(in_hole(omega, i, j), 0.0, contrasted(x, omega))


@triton.jit(do_not_specialize=["same_layout"])
def augment_kernel(
    images, ops, plan, means, out,
    image_stride, channel_stride, row_stride, column_stride, same_layout, height, width,
    mean_red, mean_green, mean_blue, std_red, std_green, std_blue,
    CHANNELS_LAST: tl.constexpr, LINES: tl.constexpr, ELEMENTS: tl.constexpr, INTERPRETED: tl.constexpr,
):  # fmt: skip
    """Write one tile of A(images, omega); `same_layout` tells that an image lies in memory as the result does."""
    tiles, across = tiles_of(height, width, CHANNELS_LAST, LINES, ELEMENTS)
    image = (tl.program_id(0) // tiles).to(tl.int64)
    c, i, j, offset, inside = pixels_of(tl.program_id(0) % tiles, across, height, width, CHANNELS_LAST, LINES, ELEMENTS)
    source = Source(
        images + image * image_stride, channel_stride, row_stride, column_stride, height, width,
        (mean_red, mean_green, mean_blue), (std_red, std_green, std_blue),
    )  # fmt: skip
    omega = omega_of(ops, plan, means, image)
    if (same_layout != 0) & ((omega.bits & GEOMETRY_BITS) == 0):
        value = in_place(source, omega, c, i, j, offset, inside)
    else:
        value = augmented(source, omega, c, i, j, inside)
    tl.store(
        out + image * (3 * height * width) + offset, rounded(value, out.dtype.element_ty, INTERPRETED), mask=inside
    )


@triton.jit
def image_means_kernel(
    images, ops, out,
    image_stride, channel_stride, row_stride, column_stride, height, width,
    mean_red, mean_green, mean_blue, std_red, std_green, std_blue,
    CHANNELS_LAST: tl.constexpr, LINES: tl.constexpr, ELEMENTS: tl.constexpr,
):  # fmt: skip
    """Write the mean of one normalised image; images without contrast need none and get 0."""
    image = tl.program_id(0).to(tl.int64)
    source = Source(
        images + image * image_stride, channel_stride, row_stride, column_stride, height, width,
        (mean_red, mean_green, mean_blue), (std_red, std_green, std_blue),
    )  # fmt: skip
    tiles, across = tiles_of(height, width, CHANNELS_LAST, LINES, ELEMENTS)
    tiles = tl.where((tl.load(ops + image) & CONTRAST_BIT) != 0, tiles, 0)
    total = tl.zeros((LINES, ELEMENTS), tl.float32)
    for tile in range(tiles):
        c, i, j, _, inside = pixels_of(tile, across, height, width, CHANNELS_LAST, LINES, ELEMENTS)
        offset = offsets_of(tile % across, c, i, j, channel_stride, row_stride, column_stride, CHANNELS_LAST, ELEMENTS)
        x = tl.load(source.pointer + offset, mask=inside, other=0)
        total += tl.where(inside, normalise(x, c, source.mean, source.std), 0.0)
    tl.store(out + image, tl.sum(total) / (3 * height * width))


def augment_launches(batch: Batch, out: Tensor) -> list[Launch]:
    """Prepare A(images, omega).

    Args:
        batch: images; without means, another launch computes them first.
        out: where to, `[N, 3, H, W]`, contiguous or channels_last.

    Returns:
        Launches to run in this order.
    """
    images, launches = addressable(batch.images), []
    means = batch.means
    if means is None:
        means = torch.empty(len(images), dtype=torch.float32, device=images.device)
        launches = image_means_launches(images, batch.ops, batch.normalisation, means)
    arguments = batch_arguments(replace(batch, images=images, means=means))
    arguments |= {"out": out, "same_layout": int(same_layout(images, out))}
    constants = tile_constants(out, images.dtype) | {"INTERPRETED": interpreted()}
    return [*launches, Launch(augment_kernel, tile_grid(out, images.dtype), arguments, constants)]


def image_means_launches(images: Tensor, ops: Tensor, normalisation: Normalisation, out: Tensor) -> list[Launch]:
    """Prepare the means of normalised images.

    Args:
        images: uint8, float32, bfloat16 or float16 `[N, 3, H, W]`, any strides.
        ops: bits of `Augmentation.ops`, int32 `[N]`; images without contrast get 0.
        normalisation: of the images.
        out: where to, float32 `[N]`.

    Returns:
        One launch, of one program an image.
    """
    images = addressable(images)
    arguments = (
        {"images": images, "ops": ops, "out": out} | geometry_of(images) | normalisation_arguments(normalisation)
    )
    return [Launch(image_means_kernel, (len(images),), arguments, tile_constants(images, images.dtype))]


def batch_arguments(batch: Batch) -> dict[str, Any]:
    """Name what kernels take of images and of what augments them."""
    images = addressable(batch.images)
    arguments = {"images": images, "ops": batch.ops, "plan": batch.plan, "means": batch.means}
    return arguments | geometry_of(images) | normalisation_arguments(batch.normalisation)


def addressable(images: Tensor) -> Tensor:
    """Return images whose offsets inside one of them fit 32 bits."""
    if prod(images.shape[1:]) >= 2**31:
        raise KernelInputError(f"augment: got images {tuple(images.shape)}, wanted fewer than 2^31 elements each")
    extent = sum((size - 1) * step for size, step in zip(images.shape[1:], images.stride()[1:], strict=True))
    return images if extent < 2**31 else images.contiguous()


def geometry_of(images: Tensor) -> dict[str, int]:
    """Name the strides and sizes that kernels take."""
    strides = dict(zip(("image_stride", "channel_stride", "row_stride", "column_stride"), images.stride(), strict=True))
    return strides | {"height": images.shape[2], "width": images.shape[3]}


def normalisation_arguments(normalisation: Normalisation) -> dict[str, float]:
    """Name mean and std as kernels take them, a number a channel."""
    return by_channel("mean", normalisation.mean, 0.0) | by_channel("std", normalisation.std, 1.0)


def by_channel(name: str, numbers: Sequence[float] | None, neutral: float) -> dict[str, float]:
    """Name three numbers that kernels take by their channels."""
    channels = zip(("red", "green", "blue"), numbers or [neutral] * 3, strict=True)
    return {f"{name}_{channel}": number for channel, number in channels}


def same_layout(images: Tensor, other: Tensor) -> bool:
    """Tell whether one image lies in memory as one of the others."""
    axes = zip(images.shape[1:], images.stride()[1:], other.stride()[1:], strict=True)
    return all(size == 1 or step == wanted for size, step, wanted in axes)


def is_channels_last(images: Tensor) -> bool:
    """Tell whether the channels of a pixel are side by side."""
    return images.stride(1) == 1 and images.stride(3) == 3 and not images.is_contiguous()


def tile_constants(images: Tensor, loaded: torch.dtype) -> dict[str, Any]:
    """Return the constants of kernels that go through images in their own order, for what they load."""
    # 128 threads then load 4 elements each side by side, of bytes 8: no load is narrower than 8 bytes.
    lines = 8 if loaded == torch.uint8 else 4
    # An option of the compiler: left alone, ptxas spills two registers of some kernels on sm_90 to end up with 80.
    registers = {"maxnreg": 168}
    return {"CHANNELS_LAST": is_channels_last(images), "LINES": lines, "ELEMENTS": ELEMENTS, **registers}


def tile_grid(images: Tensor, loaded: torch.dtype) -> tuple[int]:
    """Count the tiles of all images."""
    count, _, height, width = images.shape
    tile = tile_constants(images, loaded)
    lines, elements = (height, 3 * width) if tile["CHANNELS_LAST"] else (3 * height, width)
    return (count * triton.cdiv(lines, tile["LINES"]) * triton.cdiv(elements, tile["ELEMENTS"]),)


def on_meta(images: Tensor) -> Batch:
    """Make a batch, without data behind it, of four images."""
    ops, plan = torch.empty(4, dtype=torch.int32, device="meta"), torch.empty(4, len(PlanColumn), device="meta")
    return Batch(images, ops, plan, Normalisation(None, None))


def shipped_by(
    prepare: Callable[[Batch, Tensor], list[Launch]],
    dtypes: Iterable[torch.dtype],
    odd: tuple[torch.memory_format, torch.memory_format],
) -> Iterator[tuple[str, Launch]]:
    """Name every configuration of one direction, on tensors without data.

    Args:
        prepare: makes its launches: one value an image, then the result.
        dtypes: of what it takes.
        odd: memory formats of what it takes and of its result, for a size that no tile divides.

    Yields:
        Name and launch; what is one value an image is the same for every dtype of the result.
    """
    for dtype, layout, result in product(dtypes, (torch.contiguous_format, torch.channels_last), FLOATING):
        images = torch.empty(4, 3, 128, 128, dtype=dtype, device="meta", memory_format=layout)
        for launch in prepare(on_meta(images), torch.empty_like(images, dtype=result))[result != torch.float32 :]:
            yield f"{launch.kernel.__name__} {dtype} to {result} {layout}", launch
    images = torch.empty(4, 3, 127, 129, device="meta", memory_format=odd[0])
    launch = prepare(on_meta(images), torch.empty_like(images, memory_format=odd[1]))[-1]
    yield f"{launch.kernel.__name__} {torch.float32}, odd, {odd[0]} to {odd[1]}", launch


def shipped() -> Iterator[tuple[str, Launch]]:
    """Name every configuration of the forward kernels, on tensors without data."""
    return shipped_by(augment_launches, (torch.uint8, *FLOATING), (torch.contiguous_format, torch.channels_last))
