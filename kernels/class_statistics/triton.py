"""Class statistics in Triton, forward: images augmented once, sums over some patches each, then their means a class.

Augmented images of a slice of the batch are a small tensor that stays in the cache. A program gathers some patches of
one of them once, multiplies them with all filters, a block of filters at a time, and writes one sum a filter; no
feature map is in memory. A last launch adds up the sums of each class in a fixed order, so that two runs give equal
bits.
"""

from collections.abc import Iterator
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from gsdd.kernels.augment.batch import Batch, Normalisation
from gsdd.kernels.augment.plan import PlanColumn
from gsdd.kernels.augment.triton import augment_launches
from gsdd.kernels.backend import interpreted
from gsdd.kernels.class_statistics.filter_bank import FilterBank
from gsdd.kernels.class_statistics.triton_patches import (
    Tiling,
    cosine,
    padded_filters,
    patches_of,
    projected,
    widths_of,
)
from gsdd.kernels.launch import Launch

# Augmented images of a slice: more would leave the cache of a GPU.
AUGMENTED_BYTES = 64 * 1024**2
# As many as fit into the registers, by the compiler: three products of TF32 keep two parts of each factor.
TILINGS = {"tf32": Tiling(64, 64, 4), "fp32": Tiling(64, 16, 8)}
SUMS = {"ROWS": 32, "FILTERS": 64}
# Counts come in too many values to compile each kind; height and width are left, for wide loads.
GENERAL = ["patch_columns", "patches", "features", "fourier"]
SHIPPED_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.uint8)


@triton.jit(do_not_specialize=GENERAL)
def feature_sums_kernel(
    augmented, filters, phases, out, height, width, patch_columns, patches, features, fourier,
    PATCH: tl.constexpr, STRIDE: tl.constexpr, HEAD: tl.constexpr, TAIL: tl.constexpr, PATCHES: tl.constexpr,
    FILTERS: tl.constexpr, PRECISION: tl.constexpr, INTERPRETED: tl.constexpr,
):  # fmt: skip
    """Write the sum over PATCHES patches of each feature, without its amplitude."""
    blocks = tl.cdiv(patches, PATCHES)
    image, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    staged = patches_of(
        augmented + image * (3 * height * width), block, height, width, patch_columns, patches,
        PATCH, STRIDE, HEAD, TAIL, PATCHES,
    )  # fmt: skip
    for first in range(0, features, FILTERS):
        d = first + tl.arange(0, FILTERS)
        there = d < features
        x = projected(staged, filters, phases, d, there, HEAD, TAIL, PRECISION)
        value = cosine(x, INTERPRETED) if fourier != 0 else tl.maximum(x, 0.0)
        total = tl.sum(tl.where(staged.there[:, None], value, 0.0), axis=0)
        tl.store(out + tl.program_id(0).to(tl.int64) * features + d, total, mask=there)


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
    """Prepare class statistics; augmented images of a slice, and partial sums, are allocated here.

    Args:
        batch: images, class after class.
        bank: filters, their stride and nonlinearity.
        starts: first image of each class, and N, int64 `[C + 1]`.
        out: where to, float32 `[C, D]`.

    Returns:
        Launches to run in this order.
    """
    count, (rows, columns), tiling = len(batch.images), bank.grid(batch.images), TILINGS[bank.products].of(bank)
    blocks = -(-rows * columns // tiling.patches)
    partial = torch.empty(count, blocks, bank.filters, dtype=torch.float32, device=out.device)
    arguments, constants = bank_arguments(bank, batch.images), patch_constants(bank, tiling)
    launches = []
    for some, augmented in augmented_slices(batch, AUGMENTED_BYTES):
        launches += augment_launches(batch[some], augmented)
        sums = arguments | {"augmented": augmented, "out": partial[some]}
        launches.append(tiling.launch(feature_sums_kernel, len(augmented) * blocks, sums, constants))
    return [*launches, class_sums_launch(partial, starts, bank, batch.images, out)]


def class_sums_launch(partial: Tensor, starts: Tensor, bank: FilterBank, images: Tensor, out: Tensor) -> Launch:
    """Prepare the means of classes.

    Args:
        partial: sums over some patches of an image each, `[N, blocks, D]`.
        starts: first image of each class, and N, int64 `[C + 1]`.
        bank: whose amplitude and patches count.
        images: `[N, 3, H, W]`.
        out: where to, float32 `[C, D]`.

    Returns:
        The launch.
    """
    rows, columns = bank.grid(images)
    arguments = {"partial": partial, "starts": starts, "out": out, "blocks": partial.shape[1], "filters": bank.filters}
    grid = (len(starts) - 1, triton.cdiv(bank.filters, SUMS["FILTERS"]))
    return Launch(class_sums_kernel, grid, arguments | {"scale": bank.amplitude / (rows * columns)}, SUMS)


def augmented_slices(batch: Batch, most_bytes: int, image_bytes: int = 0) -> Iterator[tuple[slice, Tensor]]:
    """Cut a batch, and give each slice the same memory for its augmented images.

    Args:
        batch: images.
        most_bytes: of what is made of a slice.
        image_bytes: of what is made of an image besides.

    Yields:
        Which images, and float32 `[n, 3, H, W]` for them.
    """
    images = batch.images
    step = max(1, most_bytes // (4 * images[:1].numel() + image_bytes))
    memory = torch.empty((min(step, len(images)), *images.shape[1:]), dtype=torch.float32, device=images.device)
    for first in range(0, len(images), step):
        some = slice(first, min(first + step, len(images)))
        yield some, memory[: some.stop - first]


def patch_constants(bank: FilterBank, tiling: Tiling) -> dict[str, Any]:
    """Return the constants of a kernel's patches and filters."""
    widths = widths_of(bank)
    return {
        "PATCH": bank.patch,
        "STRIDE": bank.stride,
        "HEAD": widths.head,
        "TAIL": widths.tail,
        "PATCHES": tiling.patches,
        "FILTERS": tiling.filters,
        "PRECISION": "tf32" if bank.products == "tf32" else "tf32x3",
        "INTERPRETED": interpreted(),
    }


def bank_arguments(bank: FilterBank, images: Tensor) -> dict[str, Any]:
    """Name what kernels take of the filters, and how many patches an image has."""
    rows, columns = bank.grid(images)
    return {
        "filters": padded_filters(bank),
        "phases": bank.phases.float().contiguous(),
        "height": images.shape[2],
        "width": images.shape[3],
        "patch_columns": columns,
        "patches": rows * columns,
        "features": bank.filters,
        "fourier": int(bank.fourier),
    }


def shipped_inputs() -> Iterator[tuple[str, Batch, FilterBank]]:
    """Yield a name and inputs of every kind that ships, without memory behind them."""
    sizes = [((4, 3, 128, 128), dtype) for dtype in SHIPPED_DTYPES] + [((4, 3, 127, 129), torch.float32)]
    for size, dtype in sizes:
        images = torch.empty(size, dtype=dtype, device="meta")
        ops = torch.empty(4, dtype=torch.int32, device="meta")
        plan, means = torch.empty(4, len(PlanColumn), device="meta"), torch.empty(4, device="meta")
        frequencies, phases = torch.empty(512, 3, 7, 7, device="meta"), torch.empty(512, device="meta")
        for products in ("tf32", "fp32"):
            bank = FilterBank(frequencies, phases, 3, "fourier", products)
            odd = ", odd" if size[2] % 2 else ""
            name = f"{str(dtype).removeprefix('torch.')}, {products}{odd}"
            yield name, Batch(images, ops, plan, Normalisation(None, None), means), bank


def own(launches: list[Launch]) -> list[Launch]:
    """Leave out the launches of `augment`, which ships them itself."""
    return [launch for launch in launches if "augment" not in launch.kernel.__module__]


def shipped() -> Iterator[tuple[str, Launch]]:
    """Yield a name and a launch for every configuration that ships: images of all dtypes are float32 once augmented."""
    starts, out = torch.empty(3, dtype=torch.int64, device="meta"), torch.empty(2, 512, device="meta")
    for number, (name, batch, bank) in enumerate(shipped_inputs()):
        if batch.images.dtype == torch.float32:
            for launch in own(class_statistics_launches(batch, bank, starts, out))[: 1 if number else 2]:
                yield f"{launch.kernel.__name__}, {name}", launch
