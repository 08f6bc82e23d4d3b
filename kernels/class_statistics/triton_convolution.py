"""Class statistics as a composition on a GPU: augmented images, cuDNN's convolution, and cosines with their mean fused.

The second implementation beside `triton.py`: of a slice of the batch it writes the feature maps, which that one never
does, and leaves the products to cuDNN, in the precision that torch's flags ask for.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor
from torch.nn.grad import conv2d_input

from gsdd.kernels.augment.batch import Batch, Normalisation
from gsdd.kernels.augment.triton import augment_launches
from gsdd.kernels.augment.triton_backward import augment_backward_launches
from gsdd.kernels.backend import interpreted
from gsdd.kernels.class_statistics.filter_bank import FilterBank
from gsdd.kernels.class_statistics.triton import AUGMENTED_BYTES, augmented_slices, class_sums_launch
from gsdd.kernels.class_statistics.triton_patches import cosine, sine
from gsdd.kernels.launch import Launch

MAPS, PIXELS = 4, 256


@triton.jit(do_not_specialize=["fourier"])
def map_sums_kernel(
    maps, out, count, pixels, fourier, MAPS: tl.constexpr, PIXELS: tl.constexpr, INTERPRETED: tl.constexpr
):
    """Write the sum of each of MAPS maps, mapped."""
    m = tl.program_id(0).to(tl.int64) * MAPS + tl.arange(0, MAPS)
    total = tl.zeros((MAPS, PIXELS), tl.float32)
    for first in range(0, pixels, PIXELS):
        k = first + tl.arange(0, PIXELS)
        there = (m < count)[:, None] & (k < pixels)[None, :]
        x = tl.load(maps + m[:, None] * pixels + k[None, :], mask=there, other=0.0)
        value = cosine(x, INTERPRETED) if fourier != 0 else tl.maximum(x, 0.0)
        total += tl.where(there, value, 0.0)
    tl.store(out + m, tl.sum(total, axis=1), mask=m < count)


@triton.jit(do_not_specialize=["fourier"])
def map_slopes_kernel(
    maps, shares, out, count, pixels, fourier, MAPS: tl.constexpr, PIXELS: tl.constexpr, INTERPRETED: tl.constexpr
):
    """Write the gradient to MAPS maps for PIXELS pixels: the slope times the share of each map."""
    m = tl.program_id(0).to(tl.int64) * MAPS + tl.arange(0, MAPS)
    k = tl.program_id(1) * PIXELS + tl.arange(0, PIXELS)
    there = (m < count)[:, None] & (k < pixels)[None, :]
    place = m[:, None] * pixels + k[None, :]
    x = tl.load(maps + place, mask=there, other=0.0)
    slope = -sine(x, INTERPRETED) if fourier != 0 else tl.where(x > 0, 1.0, 0.0)
    share = tl.load(shares + m, mask=m < count, other=0.0)
    tl.store(out + place, slope * share[:, None], mask=there)


def class_statistics_by_convolution(batch: Batch, bank: FilterBank, starts: Tensor, out: Tensor) -> None:
    """Average the mapped patches of each class.

    Args:
        batch: images, class after class.
        bank: filters, their stride and nonlinearity.
        starts: first image of each class, and N, int64 `[C + 1]`.
        out: where to, float32 `[C, D]`.
    """
    sums = out.new_empty(len(batch.images), 1, bank.filters)
    for some, maps in _maps(batch, bank):
        sums_launch(maps, sums[some], bank).run()
    class_sums_launch(sums, starts, bank, batch.images, out).run()


def class_statistics_backward_by_convolution(
    grad: Tensor, batch: Batch, bank: FilterBank, owners: Tensor, starts: Tensor, out: Tensor
) -> None:
    """Take the gradient to the class statistics back to the images.

    Args:
        grad: float32 `[C, D]`, any strides.
        batch: images, class after class.
        bank: filters, their stride and nonlinearity.
        owners: class of each image, int64 `[N]`.
        starts: first image of each class, and N, int64 `[C + 1]`.
        out: where to, floating `[N, 3, H, W]`, contiguous.
    """
    rows, columns = bank.grid(batch.images)
    shares = (grad * (bank.amplitude / (rows * columns)) / starts.diff()[:, None])[owners].contiguous()
    normalisation, weight = Normalisation(None, batch.normalisation.std), bank.frequencies.float()
    for some, maps in _maps(batch, bank):
        slopes_launch(maps, shares[some], bank).run()
        size = (len(maps), *batch.images.shape[1:])
        back = conv2d_input(size, weight, maps, stride=bank.stride).contiguous()
        images = replace(batch[some], images=back, normalisation=normalisation, means=None)
        for launch in augment_backward_launches(images, out[some]):
            launch.run()


def sums_launch(maps: Tensor, out: Tensor, bank: FilterBank) -> Launch:
    """Prepare the sums of mapped feature maps, dense `[n, D, rows, columns]`, into `[n, 1, D]`."""
    count, pixels = len(maps) * bank.filters, maps[0, 0].numel()
    arguments = {"maps": maps, "out": out, "count": count, "pixels": pixels, "fourier": int(bank.fourier)}
    constants = {"MAPS": MAPS, "PIXELS": PIXELS, "INTERPRETED": interpreted()}
    return Launch(map_sums_kernel, (triton.cdiv(count, MAPS),), arguments, constants)


def slopes_launch(maps: Tensor, shares: Tensor, bank: FilterBank) -> Launch:
    """Prepare the gradient to feature maps, in their place; shares are dense `[n, D]`."""
    count, pixels = len(maps) * bank.filters, maps[0, 0].numel()
    arguments = {"maps": maps, "shares": shares, "out": maps, "count": count, "pixels": pixels}
    grid = triton.cdiv(count, MAPS), triton.cdiv(pixels, PIXELS)
    constants = {"MAPS": MAPS, "PIXELS": PIXELS, "INTERPRETED": interpreted()}
    return Launch(map_slopes_kernel, grid, arguments | {"fourier": int(bank.fourier)}, constants)


def _maps(batch: Batch, bank: FilterBank) -> Iterator[tuple[slice, Tensor]]:
    """Convolve augmented images, a slice at a time."""
    rows, columns = bank.grid(batch.images)
    weight, phases = bank.frequencies.float(), bank.phases.float()
    for some, augmented in augmented_slices(batch, AUGMENTED_BYTES, 4 * bank.filters * rows * columns):
        for launch in augment_launches(batch[some], augmented):
            launch.run()
        yield some, F.conv2d(augmented, weight, phases, stride=bank.stride).contiguous()


def shipped() -> Iterator[tuple[str, Launch]]:
    """Yield a name and a launch for every configuration that ships."""
    bank = FilterBank(torch.empty(512, 3, 7, 7, device="meta"), torch.empty(512, device="meta"), 3, "fourier")
    maps = torch.empty(4, 512, 41, 41, device="meta")
    yield "map_sums_kernel", sums_launch(maps, torch.empty(4, 1, 512, device="meta"), bank)
    yield "map_slopes_kernel", slopes_launch(maps, torch.empty(4, 512, device="meta"), bank)
