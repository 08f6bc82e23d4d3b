"""Class statistics in Triton, forward: partial sums of a few patches each, then their sums a class.

A program augments the pixels under SIDE x SIDE patches of one image and maps the patches with all filters, a block at a
time; what it writes is one sum a filter. No augmented image and no feature map is in memory. A second launch adds up
the partial sums of each class in a fixed order, so that two runs give equal bits.
"""

from collections.abc import Iterator
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from gsdd.kernels.augment.batch import Batch, Normalisation
from gsdd.kernels.augment.plan import PlanColumn
from gsdd.kernels.augment.triton import batch_arguments
from gsdd.kernels.augment.triton_sampling import Source, omega_of
from gsdd.kernels.backend import interpreted
from gsdd.kernels.class_statistics.filter_bank import FilterBank
from gsdd.kernels.class_statistics.triton_patches import Bank, cosine, projected, region_of, region_pixels
from gsdd.kernels.launch import Launch

# Patches along a side of a block: 64 patches share their pixels; large patches would fill the registers.
SIDE, SIDE_OF_LARGE, LARGE_PATCH = 8, 4, 8
# Of a patch's pixels and of the filters, how many a product takes at a time; more would spill.
CHUNK, FILTERS = 16, 32
WARPS = 8
SUMS = {"ROWS": 32, "FILTERS": 64}
# Strides and counts come in too many values to compile each kind; width is left, for wide stores.
GENERAL = [
    "image_stride", "channel_stride", "row_stride", "column_stride", "filter_stride", "weight_channel_stride",
    "weight_row_stride", "weight_column_stride", "phase_stride", "patch_rows", "patch_columns", "fourier",
]  # fmt: skip
SHIPPED_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.uint8)


@triton.jit(do_not_specialize=GENERAL)
def partial_sums_kernel(
    images, ops, plan, means, frequencies, phases, out,
    image_stride, channel_stride, row_stride, column_stride, height, width,
    mean_red, mean_green, mean_blue, std_red, std_green, std_blue,
    filter_stride, weight_channel_stride, weight_row_stride, weight_column_stride, phase_stride, filters,
    patch_rows, patch_columns, fourier,
    PATCH: tl.constexpr, STRIDE: tl.constexpr, SIDE: tl.constexpr, OFFSETS: tl.constexpr, REGION: tl.constexpr,
    CHUNK: tl.constexpr, FILTERS: tl.constexpr, INTERPRETED: tl.constexpr,
):  # fmt: skip
    """Write the sum over SIDE x SIDE patches of each feature, without its amplitude."""
    across = tl.cdiv(patch_columns, SIDE)
    blocks = across * tl.cdiv(patch_rows, SIDE)
    image, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    first_row, first_column = block // across * SIDE, block % across * SIDE
    source = Source(
        images + image * image_stride, channel_stride, row_stride, column_stride, height, width,
        (mean_red, mean_green, mean_blue), (std_red, std_green, std_blue),
    )  # fmt: skip
    omega = omega_of(ops, plan, means, image)
    bank = Bank(
        frequencies, phases, filter_stride, weight_channel_stride, weight_row_stride, weight_column_stride,
        phase_stride, filters, fourier,
    )  # fmt: skip
    i, j = region_pixels(first_row * STRIDE, first_column * STRIDE, REGION)
    region = region_of(source, omega, i, j)
    p = tl.arange(0, SIDE * SIDE)
    there = (first_row + p // SIDE < patch_rows) & (first_column + p % SIDE < patch_columns)
    for first in range(0, filters, FILTERS):
        d = first + tl.arange(0, FILTERS)
        x = projected(region, bank, d, PATCH, STRIDE, SIDE, REGION, OFFSETS, CHUNK)
        value = cosine(x, INTERPRETED) if bank.fourier != 0 else tl.maximum(x, 0.0)
        total = tl.sum(tl.where(there[:, None], value, 0.0), axis=0)
        tl.store(out + tl.program_id(0).to(tl.int64) * filters + d, total, mask=d < filters)


@triton.jit
def class_sums_kernel(partial, starts, out, blocks, filters, scale, ROWS: tl.constexpr, FILTERS: tl.constexpr):
    """Write the mean of one class for FILTERS filters."""
    c = tl.program_id(0)
    first, last = tl.load(starts + c), tl.load(starts + c + 1)
    d = tl.program_id(1) * FILTERS + tl.arange(0, FILTERS)
    total = tl.zeros((ROWS, FILTERS), tl.float32)
    for row in range(first * blocks, last * blocks, ROWS):
        k = row + tl.arange(0, ROWS)
        there = (k < last * blocks)[:, None] & (d < filters)[None, :]
        total += tl.load(partial + k.to(tl.int64)[:, None] * filters + d[None, :], mask=there, other=0.0)
    mean = tl.sum(total, axis=0) * scale / (last - first).to(tl.float32)
    tl.store(out + c.to(tl.int64) * filters + d, mean, mask=d < filters)


def class_statistics_launches(batch: Batch, bank: FilterBank, starts: Tensor, out: Tensor) -> list[Launch]:
    """Prepare class statistics; partial sums are allocated here.

    Args:
        batch: images, class after class.
        bank: filters, their stride and nonlinearity.
        starts: first image of each class, and N, int64 `[C + 1]`.
        out: where to, float32 `[C, D]`.

    Returns:
        Launches to run in this order.
    """
    blocks, (rows, columns) = blocks_of(batch.images, bank), bank.grid(batch.images)
    partial = torch.empty(len(batch.images) * blocks, bank.filters, dtype=torch.float32, device=out.device)
    arguments = batch_arguments(batch) | bank_arguments(bank, batch.images) | {"out": partial}
    sums = {"partial": partial, "starts": starts, "out": out, "blocks": blocks, "filters": bank.filters}
    sums |= {"scale": bank.amplitude / (rows * columns)}
    grid = (len(starts) - 1, triton.cdiv(bank.filters, SUMS["FILTERS"]))
    return [
        Launch(partial_sums_kernel, (len(partial),), arguments, patch_constants(bank, side_of(bank)), warps=WARPS),
        Launch(class_sums_kernel, grid, sums, SUMS),
    ]


def side_of(bank: FilterBank) -> int:
    """Return how many patches a side of a block has."""
    return SIDE if bank.patch <= LARGE_PATCH else SIDE_OF_LARGE


def blocks_of(images: Tensor, bank: FilterBank) -> int:
    """Count the blocks of patches of an image."""
    rows, columns = bank.grid(images)
    return -(-rows // side_of(bank)) * -(-columns // side_of(bank))


def patch_constants(bank: FilterBank, side: int) -> dict[str, Any]:
    """Return the constants that follow from the patches, of which a block has `side` x `side`."""
    return {
        "PATCH": bank.patch,
        "STRIDE": bank.stride,
        "SIDE": side,
        "OFFSETS": max(16, triton.next_power_of_2(bank.patch**2)),
        "REGION": triton.next_power_of_2((side - 1) * bank.stride + bank.patch),
        "CHUNK": CHUNK,
        "FILTERS": FILTERS,
        "INTERPRETED": interpreted(),
    }


def bank_arguments(bank: FilterBank, images: Tensor) -> dict[str, Any]:
    """Name what kernels take of the filters, and how many patches an image has."""
    names = ("filter_stride", "weight_channel_stride", "weight_row_stride", "weight_column_stride")
    strides = dict(zip(names, bank.frequencies.stride(), strict=True))
    rows, columns = bank.grid(images)
    return strides | {
        "frequencies": bank.frequencies,
        "phases": bank.phases,
        "phase_stride": bank.phases.stride(0),
        "filters": bank.filters,
        "patch_rows": rows,
        "patch_columns": columns,
        "fourier": int(bank.fourier),
    }


def shipped_inputs() -> Iterator[tuple[str, Batch, FilterBank]]:
    """Yield a name and inputs of every dtype that ships, without memory behind them."""
    sizes = [((4, 3, 128, 128), dtype) for dtype in SHIPPED_DTYPES] + [((4, 3, 127, 129), torch.float32)]
    for size, dtype in sizes:
        images = torch.empty(size, dtype=dtype, device="meta")
        ops = torch.empty(4, dtype=torch.int64, device="meta")
        plan, means = torch.empty(4, len(PlanColumn), device="meta"), torch.empty(4, device="meta")
        frequencies, phases = torch.empty(512, 3, 7, 7, device="meta"), torch.empty(512, device="meta")
        bank = FilterBank(frequencies, phases, 3, "fourier")
        odd = ", odd" if size[2] % 2 else ""
        yield (
            f"{str(dtype).removeprefix('torch.')}{odd}",
            Batch(images, ops, plan, Normalisation(None, None), means),
            bank,
        )


def shipped() -> Iterator[tuple[str, Launch]]:
    """Yield a name and a launch for every dtype and configuration that ships."""
    starts, out = torch.empty(3, dtype=torch.int64, device="meta"), torch.empty(2, 512, device="meta")
    for number, (name, batch, bank) in enumerate(shipped_inputs()):
        for launch in class_statistics_launches(batch, bank, starts, out)[: 1 if number else 2]:
            yield f"{launch.kernel.__name__}, {name}", launch
