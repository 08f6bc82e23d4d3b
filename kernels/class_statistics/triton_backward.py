"""Class statistics in Triton, backward: projections are computed again, and their slopes go back to patches and pixels.

A program gathers the same patches as on the way forward; for a block of filters at a time it computes their slopes and
adds what these give to the patches. A second launch sums over the patches that share a pixel, and the backward kernels
of `augment` take that to the source. Everything but the result belongs to a slice of the batch, and stays in the cache
of a GPU. There are no atomics, and sums have a fixed order.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
import triton
import triton.language as tl
from torch import Tensor

from gsdd.kernels.augment.batch import Batch, Normalisation
from gsdd.kernels.augment.triton import augment_launches
from gsdd.kernels.augment.triton_backward import augment_backward_launches
from gsdd.kernels.class_statistics.filter_bank import FilterBank
from gsdd.kernels.class_statistics.triton import (
    GENERAL,
    augmented_slices,
    bank_arguments,
    own,
    patch_constants,
    shipped_inputs,
)
from gsdd.kernels.class_statistics.triton_patches import Tiling, patches_of, projected, sine, widths_of
from gsdd.kernels.launch import Launch

# Of a slice: augmented images, and the gradient of their patches.
SLICE_BYTES = 96 * 1024**2
# Fewer than forward's: registers hold the gradient of the patches besides.
TILINGS = {"tf32": Tiling(64, 16, 8), "fp32": Tiling(16, 32, 8, stages=1)}
# From this compute capability on, one factor of a product may stay in shared memory.
HOPPER, ON_HOPPER = 90, TILINGS | {"tf32": Tiling(64, 32, 8)}
PIXELS = 512


@triton.jit(do_not_specialize=[*GENERAL, "grad_class_stride", "grad_filter_stride"])
def patch_gradients_kernel(
    augmented, filters, across_filters, phases, grad, owners, starts, out, scale, grad_class_stride, grad_filter_stride,
    height, width, patch_columns, patches, features, fourier,
    PATCH: tl.constexpr, STRIDE: tl.constexpr, HEAD: tl.constexpr, TAIL: tl.constexpr, PATCHES: tl.constexpr,
    FILTERS: tl.constexpr, PRECISION: tl.constexpr, INTERPRETED: tl.constexpr,
):  # fmt: skip
    """Write the gradient of PATCHES patches of one image, `[PATCHES, HEAD + TAIL]`."""
    blocks = tl.cdiv(patches, PATCHES)
    image, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    staged = patches_of(
        augmented + image * (3 * height * width), block, height, width, patch_columns, patches,
        PATCH, STRIDE, HEAD, TAIL, PATCHES,
    )  # fmt: skip
    owner = tl.load(owners + image)
    share = scale / (tl.load(starts + owner + 1) - tl.load(starts + owner)).to(tl.float32)
    upstream = grad + owner * grad_class_stride
    k, rest = tl.arange(0, HEAD), tl.arange(0, TAIL if TAIL > 0 else HEAD)
    of_head = tl.zeros((PATCHES, HEAD), tl.float32)
    of_tail = tl.zeros((PATCHES, TAIL if TAIL > 0 else HEAD), tl.float32)
    for first in range(0, features, FILTERS):
        d = first + tl.arange(0, FILTERS)
        there = d < features
        x = projected(staged, filters, phases, d, there, HEAD, TAIL, PRECISION)
        slopes = -sine(x, INTERPRETED) if fourier != 0 else tl.where(x > 0, 1.0, 0.0)
        slopes *= (tl.load(upstream + d * grad_filter_stride, mask=there, other=0.0) * share)[None, :]
        column = across_filters + d[:, None]
        weights = tl.load(column + k[None, :] * features, mask=there[:, None], other=0.0)
        of_head = tl.dot(slopes, weights, of_head, input_precision=PRECISION)
        if TAIL > 0:
            weights = tl.load(column + (HEAD + rest[None, :]) * features, mask=there[:, None], other=0.0)
            of_tail = tl.dot(slopes, weights, of_tail, input_precision=PRECISION)
    row = out + (image * patches + staged.number)[:, None] * (HEAD + TAIL)
    tl.store(row + k[None, :], of_head, mask=staged.there[:, None])
    if TAIL > 0:
        tl.store(row + HEAD + rest[None, :], of_tail, mask=staged.there[:, None])


@triton.jit(do_not_specialize=["patch_rows", "patch_columns"])
def pixel_gradients_kernel(
    of_patches, out, height, width, patch_rows, patch_columns,
    PATCH: tl.constexpr, STRIDE: tl.constexpr, WIDTH: tl.constexpr, PIXELS: tl.constexpr,
):  # fmt: skip
    """Write PIXELS pixels of one image's gradient: the sum over the patches that share each."""
    REACH: tl.constexpr = (PATCH + STRIDE - 1) // STRIDE
    blocks = tl.cdiv(3 * height * width, PIXELS)
    image = (tl.program_id(0) // blocks).to(tl.int64)
    e = tl.program_id(0) % blocks * PIXELS + tl.arange(0, PIXELS)
    inside = e < 3 * height * width
    channel, row, column = e // (height * width), e // width % height, e % width
    of_image = of_patches + image * (patch_rows * patch_columns * WIDTH)
    total = tl.zeros((PIXELS,), tl.float32)
    for step in range(REACH * REACH):
        i, j = row // STRIDE - step // REACH, column // STRIDE - step % REACH
        y, x = row - i * STRIDE, column - j * STRIDE
        reached = inside & (i >= 0) & (i < patch_rows) & (j >= 0) & (j < patch_columns) & (y < PATCH) & (x < PATCH)
        place = (i * patch_columns + j) * WIDTH + (channel * PATCH + y) * PATCH + x
        total += tl.load(of_image + place, mask=reached, other=0.0)
    tl.store(out + image * (3 * height * width) + e, total, mask=inside)


def class_statistics_backward_launches(
    grad: Tensor,
    batch: Batch,
    bank: FilterBank,
    owners: Tensor,
    starts: Tensor,
    out: Tensor,
    hopper: bool | None = None,
) -> list[Launch]:
    """Prepare the gradient to the images; what belongs to a slice of them is allocated here.

    Args:
        grad: to the class statistics, float32 `[C, D]`, any strides.
        batch: images, class after class.
        bank: filters, their stride and nonlinearity.
        owners: class of each image, int64 `[N]`.
        starts: first image of each class, and N, int64 `[C + 1]`.
        out: where to, floating `[N, 3, H, W]`, contiguous.
        hopper: whether for a GPU of that generation or later; None asks the device of `out`.

    Returns:
        Launches to run in this order.
    """
    if hopper is None:
        hopper = out.is_cuda and torch.cuda.get_device_capability(out.device)[0] * 10 >= HOPPER
    (rows, columns), width = bank.grid(batch.images), widths_of(bank).both
    arguments = bank_arguments(bank, batch.images)
    arguments |= {"across_filters": arguments["filters"].t().contiguous(), "grad": grad, "starts": starts}
    arguments |= {"grad_class_stride": grad.stride(0), "grad_filter_stride": grad.stride(1)}
    arguments |= {"scale": bank.amplitude / (rows * columns)}
    tiling = (ON_HOPPER if hopper else TILINGS)[bank.products].of(bank)
    constants, blocks = patch_constants(bank, tiling), -(-rows * columns // tiling.patches)
    launches: list[Launch] = []
    of_patches: Tensor | None = None
    for some, augmented in augmented_slices(batch, SLICE_BYTES, 4 * rows * columns * width):
        if of_patches is None:
            of_patches = augmented.new_empty(len(augmented), rows * columns, width)
        launches += augment_launches(batch[some], augmented)
        back = arguments | {"augmented": augmented, "owners": owners[some], "out": of_patches}
        launches.append(tiling.launch(patch_gradients_kernel, len(augmented) * blocks, back, constants))
        launches.append(_of_pixels(of_patches, augmented, bank))
        images = Batch(augmented, batch.ops[some], batch.plan[some], Normalisation(None, batch.normalisation.std))
        launches += augment_backward_launches(images, out[some])
    return launches


def _of_pixels(of_patches: Tensor, out: Tensor, bank: FilterBank) -> Launch:
    rows, columns = bank.grid(out)
    sizes = {"height": out.shape[2], "width": out.shape[3], "patch_rows": rows, "patch_columns": columns}
    constants = {"PATCH": bank.patch, "STRIDE": bank.stride, "WIDTH": of_patches.shape[2], "PIXELS": PIXELS}
    grid = (len(out) * triton.cdiv(out[0].numel(), PIXELS),)
    return Launch(pixel_gradients_kernel, grid, {"of_patches": of_patches, "out": out, **sizes}, constants)


def shipped() -> Iterator[tuple[str, Launch]]:
    """Yield a name and a launch for every configuration that ships."""
    owners, starts = torch.empty(4, dtype=torch.int64, device="meta"), torch.empty(3, dtype=torch.int64, device="meta")
    grad = torch.empty(2, 512, device="meta")
    for number, (name, batch, bank) in enumerate(shipped_inputs()):
        if batch.images.dtype == torch.float32:
            out = torch.empty_like(batch.images)
            old, new = (
                own(class_statistics_backward_launches(grad, batch, bank, owners, starts, out, hopper))
                for hopper in (False, True)
            )
            yield f"patch_gradients_kernel, {name}, before sm_90", replace(old[0], before=HOPPER)
            yield f"patch_gradients_kernel, {name}", replace(new[0], since=HOPPER)
            if not number % 2:
                yield f"pixel_gradients_kernel, {name}", new[1]
