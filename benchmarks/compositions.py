"""What each op of gsdd.kernels replaces: the obvious composition of PyTorch ops, with a parameter an image.

Written from the formulas of DSA (Zhao and Bilen, ICML 2021) and of GSDD, not from the reference; `device.py` times it.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from gsdd.kernels.augmentation import Augmentation, Column, op_bits


def _acts(omega: Augmentation, op: str) -> Tensor:
    return (omega.ops & op_bits([op])).bool()


def _value(omega: Augmentation, op: str, column: Column, neutral: float) -> Tensor:
    return torch.where(_acts(omega, op), omega.values[:, column], neutral)


def _per_image(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def color(images: Tensor, omega: Augmentation) -> Tensor:
    """Add brightness, move from the grey image by saturation, from the mean by contrast."""
    images = images + _per_image(_value(omega, "brightness", Column.BRIGHTNESS, 0.0))
    grey = images.mean(dim=1, keepdim=True)
    images = (images - grey) * _per_image(_value(omega, "saturation", Column.SATURATION, 1.0)) + grey
    level = images.mean(dim=(1, 2, 3), keepdim=True)
    return (images - level) * _per_image(_value(omega, "contrast", Column.CONTRAST, 1.0)) + level


def crop_and_cutout(images: Tensor, omega: Augmentation) -> Tensor:
    """Shift by whole pixels with zeros outside, then zero a box."""
    count, _, height, width = images.shape
    row, column = (torch.arange(side, device=images.device) for side in (height, width))
    rows = row + _value(omega, "crop", Column.SHIFT_ROWS, 0.0)[:, None].long()
    columns = column + _value(omega, "crop", Column.SHIFT_COLUMNS, 0.0)[:, None].long()
    kept = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    top, bottom, left, right = (
        _value(omega, "cutout", edge, 0.0)[:, None]
        for edge in (Column.CUT_TOP, Column.CUT_BOTTOM, Column.CUT_LEFT, Column.CUT_RIGHT)
    )
    hole = ((row >= top) & (row < bottom))[:, :, None] & ((column >= left) & (column < right))[:, None, :]
    image = torch.arange(count, device=images.device)[:, None, None]
    rows, columns = rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]
    moved = images.permute(0, 2, 3, 1)[image, rows, columns].permute(0, 3, 1, 2)
    return moved * (kept & ~hole)[:, None]


def resample(images: Tensor, omega: Augmentation) -> Tensor:
    """Flip, scale and rotate by one affine grid, align_corners=False."""
    flip = 1.0 - 2.0 * _acts(omega, "flip").to(images.dtype)
    scale_x = _value(omega, "scale", Column.SCALE_X, 1.0) * flip
    scale_y = _value(omega, "scale", Column.SCALE_Y, 1.0)
    angle = _value(omega, "rotate", Column.ANGLE, 0.0)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = [torch.stack([scale_x * cos, -scale_x * sin, zero], 1), torch.stack([scale_y * sin, scale_y * cos, zero], 1)]
    grid = F.affine_grid(torch.stack(rows, dim=1).to(images.dtype), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def augment(images: Tensor, omega: Augmentation) -> Tensor:
    """Apply DSA to normalised images `[N, C, H, W]`, omega on their device."""
    return resample(crop_and_cutout(color(images, omega), omega), omega)


def class_means(features: Tensor, counts: tuple[int, ...]) -> Tensor:
    """Average the rows, or the pooled maps, of each class."""
    rows = features.mean(dim=(2, 3)) if features.ndim == 4 else features
    return torch.stack([part.mean(dim=0) for part in rows.split(list(counts))])


def class_statistics(
    images: Tensor, omega: Augmentation, frequencies: Tensor, phases: Tensor, counts: tuple[int, ...], stride: int
) -> Tensor:
    """Augment, convolve with random filters, take the cosine, average over pixels and classes."""
    filtered = F.conv2d(augment(images, omega), frequencies, phases, stride=stride)
    return class_means(math.sqrt(2) * filtered.cos(), counts)


def matching(features: Tensor, counts: tuple[int, ...], real_means: Tensor, pairs: Tensor, lam: float) -> Tensor:
    """Eq. 9 of the GSDD paper, summed over classes."""
    rows = features.mean(dim=(2, 3)) if features.ndim == 4 else features
    distribution = (class_means(rows, counts) - real_means).square().sum()
    distances = (rows - pairs).square().sum(dim=1).split(list(counts))
    return (1 - lam) * distribution + lam * torch.stack([part.mean() for part in distances]).sum()
