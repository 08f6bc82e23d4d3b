"""Patches of augmented images as matrices: device functions that both directions of `class_statistics` inline.

A program takes SIDE x SIDE patch positions. The augmented pixels that they cover, a region, are worked out once into
registers, flattened, one block a channel; the patches, which overlap, are then gathered from the region. Blocks have
powers of two as sizes: REGION pixels a side, OFFSETS of the P x P pixels of a patch.
"""

from typing import NamedTuple

import triton
import triton.language as tl
from triton.language.extra import libdevice

from gsdd.kernels.augment.triton_sampling import (
    BRIGHTNESS,
    SATURATION,
    SATURATION_BIT,
    contrasted,
    coverage,
    normalised,
    shift_of,
    shown,
    tap_of,
    taps_of,
)


class Bank(NamedTuple):
    """Filters in memory.

    Attributes:
        frequencies: pointer to the first weight.
        phases: pointer to the first phase.
        filter_stride: elements from a filter to the next.
        channel_stride: elements from a channel to the next.
        row_stride: elements from a row to the next.
        column_stride: elements from a column to the next.
        phase_stride: elements from a phase to the next.
        filters: how many there are.
        fourier: 1 for cosines, 0 for ReLU.
    """

    frequencies: tl.tensor
    phases: tl.tensor
    filter_stride: tl.tensor
    channel_stride: tl.tensor
    row_stride: tl.tensor
    column_stride: tl.tensor
    phase_stride: tl.tensor
    filters: tl.tensor
    fourier: tl.tensor


@triton.jit
def region_pixels(top, left, REGION: tl.constexpr):
    """Rows and columns of a region's pixels, flattened."""
    k = tl.arange(0, REGION * REGION)
    return top + k // REGION, left + k % REGION


@triton.jit
def frame_pixels(source, omega, r, q, inside):
    """Red, green and blue of frame pixels, zero where the frame is empty."""
    rows, columns = shift_of(omega)
    kept = inside & shown(omega, r, q, source.height, source.width)
    brightness = tl.load(omega.row + BRIGHTNESS)
    red = normalised(source, 0, r + rows, q + columns, kept) + brightness
    green = normalised(source, 1, r + rows, q + columns, kept) + brightness
    blue = normalised(source, 2, r + rows, q + columns, kept) + brightness
    if omega.bits & SATURATION_BIT:
        factor = tl.load(omega.row + SATURATION)
        grey = tl.math.div_rn((red + green) + blue, 3.0)
        red, green, blue = (red - grey) * factor + grey, (green - grey) * factor + grey, (blue - grey) * factor + grey
    red, green, blue = contrasted(red, omega), contrasted(green, omega), contrasted(blue, omega)
    return tl.where(kept, red, 0.0), tl.where(kept, green, 0.0), tl.where(kept, blue, 0.0)


@triton.jit
def region_of(source, omega, i, j):
    """Augmented pixels (red, green, blue) of a region, zero outside the image.

    The four taps share one loop body, and the channels share coordinates: code and registers are a sixth of those of
    `augmented`, whose operations and their order these are.
    """
    inside = (i < source.height) & (j < source.width)
    red = tl.zeros(i.shape, tl.float32)
    green = tl.zeros(i.shape, tl.float32)
    blue = tl.zeros(i.shape, tl.float32)
    for tap in range(taps_of(omega)):
        r, q, weight = tap_of(omega, tap, i, j, source.height, source.width)
        pixel = frame_pixels(source, omega, r, q, inside)
        red, green, blue = red + pixel[0] * weight, green + pixel[1] * weight, blue + pixel[2] * weight
    return red, green, blue


@triton.jit
def coverage_of(omega, i, j, height, width):
    """How much of the source output pixels show; nothing outside the image."""
    inside = (i < height) & (j < width)
    return tl.where(inside, coverage(omega, i, j, height, width, inside), 0.0)


@triton.jit
def patches_of(
    region, chunk, PATCH: tl.constexpr, STRIDE: tl.constexpr, SIDE: tl.constexpr, REGION: tl.constexpr,
    CHUNK: tl.constexpr,
):  # fmt: skip
    """Gather some pixels of all patches, one channel, `[SIDE * SIDE, CHUNK]`; beyond the patch they are pixel 0."""
    k = tl.arange(0, SIDE * SIDE * CHUNK)
    position, offset = k // CHUNK, chunk * CHUNK + k % CHUNK
    row = position // SIDE * STRIDE + offset // PATCH
    column = position % SIDE * STRIDE + offset % PATCH
    places = tl.where(offset < PATCH * PATCH, row * REGION + column, 0)
    return tl.reshape(tl.gather(region, places, 0), [SIDE * SIDE, CHUNK])


@triton.jit
def weights_of(bank, channel, d, chunk, PATCH: tl.constexpr, CHUNK: tl.constexpr):
    """Load some weights of the filters d, one channel, `[CHUNK, len(d)]`, zero beyond patch and last filter."""
    k = chunk * CHUNK + tl.arange(0, CHUNK)
    there = (k < PATCH * PATCH)[:, None] & (d < bank.filters)[None, :]
    place = (k // PATCH * bank.row_stride + k % PATCH * bank.column_stride)[:, None] + (d * bank.filter_stride)[None, :]
    first = bank.frequencies + channel * bank.channel_stride
    return tl.load(first + place, mask=there, other=0.0).to(tl.float32)


@triton.jit
def phases_of(bank, d):
    """Load the phases of the filters d."""
    return tl.load(bank.phases + d * bank.phase_stride, mask=d < bank.filters, other=0.0).to(tl.float32)


@triton.jit
def projected(
    region, bank, d, PATCH: tl.constexpr, STRIDE: tl.constexpr, SIDE: tl.constexpr, REGION: tl.constexpr,
    OFFSETS: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """w . p + b of all patches for the filters d, `[SIDE * SIDE, len(d)]`; `region` has a block a channel."""
    total = tl.zeros((SIDE * SIDE, d.shape[0]), tl.float32)
    for chunk in range(OFFSETS // CHUNK):
        for channel in tl.static_range(3):
            patches = patches_of(region[channel], chunk, PATCH, STRIDE, SIDE, REGION, CHUNK)
            weights = weights_of(bank, channel, d, chunk, PATCH, CHUNK)
            total = tl.dot(patches, weights, total, input_precision="tf32x3")
    return total + phases_of(bank, d)[None, :]


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
