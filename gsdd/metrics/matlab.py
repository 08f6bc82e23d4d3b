"""Operations as MATLAB defines them, for the metrics whose published numbers come from MATLAB programs."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.metrics.conventions import Convention

Border = Literal["replicate", "zero", "none"]


def luma(images: Tensor, shave: int) -> Tensor:
    """Take Y of YCbCr, rounded to whole levels, halves up, and leave a border out; rgb2ycbcr of a uint8 image.

    Args:
        images: uint8 RGB `[N, 3, H, W]`.
        shave: pixels to leave out at each side, at least 0.

    Returns:
        float64 `[N, H - 2 shave, W - 2 shave]`, whole numbers in 16..235.

    Raises:
        KernelInputError: the images are not uint8 `[N, 3, H, W]`, or nothing is left inside the border.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8:
        raise KernelInputError(f"images are {images.dtype} {list(images.shape)}; wanted uint8 RGB [N, 3, H, W]")
    height, width = images.shape[-2:]
    if not 0 <= 2 * shave < min(height, width):
        raise KernelInputError(f"images of {height}x{width} have nothing inside a border of {shave}; shave less")
    return Convention("Y", shave, rounded=True).apply(images)[:, 0]


def blur(images: Tensor, size: int, sigma: float, border: Border) -> Tensor:
    """Weigh each pixel's square neighbourhood by a Gaussian; imfilter or filter2 with fspecial('gaussian').

    Args:
        images: `[..., H, W]`, floating point.
        size: side of the window, odd.
        sigma: standard deviation of the Gaussian, in pixels.
        border: what lies outside the image; "none" gives only pixels whose window lies inside it.

    Returns:
        the same shape, or `[..., H - size + 1, W - size + 1]` for "none".
    """
    if border != "none":
        stack = images.reshape(-1, 1, *images.shape[-2:])
        stack = F.pad(stack, (size // 2,) * 4, mode="replicate" if border == "replicate" else "constant")
        images = stack.reshape(*images.shape[:-2], *stack.shape[-2:])
    offsets = torch.arange(size, dtype=torch.float64) - size // 2
    window = offsets.square().div(-2 * sigma**2).exp()
    weights = window.div(window.sum()).tolist()
    return _weighted(_weighted(images, weights, -2), weights, -1)


def _weighted(images: Tensor, weights: list[float], dim: int) -> Tensor:
    """Add shifted images, for PyTorch has no fast float64 convolution on a CPU."""
    length = images.shape[dim] - len(weights) + 1
    total = images.narrow(dim, 0, length) * weights[0]
    for start, weight in enumerate(weights[1:], start=1):
        total.add_(images.narrow(dim, start, length), alpha=weight)
    return total


def resize(image: Tensor, height: int, width: int) -> Tensor:
    """Resize by bicubic interpolation, antialiased where it shrinks, mirrored at the border; imresize.

    Args:
        image: `[H, W]`, float64.
        height: rows of the result.
        width: columns of the result.

    Returns:
        `[height, width]`, not clamped.

    Source: Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 29(6), 1981, a = -0.5.
    PyTorch's own bicubic differs at the border, where it leaves the outside out.
    """
    rows, columns = (_resize_matrix(*sizes) for sizes in zip(image.shape, (height, width), strict=True))
    return rows.to(image.device) @ image @ columns.to(image.device).T


def _resize_matrix(size: int, target: int) -> Tensor:
    """Give each of `target` samples its weights on `size` samples."""
    step = size / target
    stretch = max(1.0, step)
    centres = (torch.arange(target, dtype=torch.float64) + 0.5) * step - 0.5
    taps = torch.arange(int(4 * stretch) + 3)
    positions = (centres - 2 * stretch).floor().long()[:, None] + taps
    weights = _keys((centres[:, None] - positions) / stretch)
    weights = weights / weights.sum(dim=1, keepdim=True)
    folded = positions % (2 * size)
    mirrored = torch.where(folded < size, folded, 2 * size - 1 - folded)
    return torch.zeros(target, size, dtype=torch.float64).scatter_add_(1, mirrored, weights)


def _keys(distance: Tensor) -> Tensor:
    d = distance.abs()
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return torch.where(d <= 1, near, torch.where(d <= 2, far, 0.0))
