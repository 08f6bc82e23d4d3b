"""The definition of DSA in PyTorch, and the path that a CPU takes."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gsdd.kernels.augmentation import STRATEGIES, Augmentation, Column


def augment_reference(images: Tensor, augmentation: Augmentation) -> Tensor:
    """Apply each strategy, in the order of `STRATEGIES`, to the images whose bit is set.

    Args:
        images: floating `[N, C, H, W]`, any dtype.
        augmentation: omega, on any device.

    Returns:
        Augmented images, same shape and dtype.
    """
    for bit, strategy in enumerate(STRATEGIES):
        acts = (augmentation.strategies >> bit & 1).nonzero()[:, 0]
        if acts.numel() == 0:
            continue
        values = augmentation.values[acts].to(images)
        if acts.numel() == images.shape[0]:
            images = _APPLY[strategy](images, values)
        else:
            index = acts.to(images.device)
            images = images.index_copy(0, index, _APPLY[strategy](images[index], values))
    return images


def _per_image(values: Tensor, column: Column) -> Tensor:
    return values[:, column, None, None, None]


def _color(images: Tensor, values: Tensor) -> Tensor:
    images = images + _per_image(values, Column.BRIGHTNESS)
    grey = images.mean(dim=1, keepdim=True)
    images = (images - grey) * _per_image(values, Column.SATURATION) + grey
    level = images.mean(dim=(1, 2, 3), keepdim=True)
    return (images - level) * _per_image(values, Column.CONTRAST) + level


def _crop(images: Tensor, values: Tensor) -> Tensor:
    """Shift by whole pixels, zeros outside; images that share a shift move together as one slice."""
    shifts, member = values[:, [Column.SHIFT_ROWS, Column.SHIFT_COLUMNS]].unique(dim=0, return_inverse=True)
    if len(shifts) == 1:
        return _shift(images, *shifts[0].int().tolist())
    moved = torch.empty_like(images)
    for group, shift in enumerate(shifts):
        index = (member == group).nonzero()[:, 0]
        moved = moved.index_copy(0, index, _shift(images[index], *shift.int().tolist()))
    return moved


def _shift(images: Tensor, rows: int, columns: int) -> Tensor:
    height, width = images.shape[-2:]
    kept = images[..., max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)]
    return F.pad(kept, (max(-columns, 0), max(columns, 0), max(-rows, 0), max(rows, 0)))


def _cutout(images: Tensor, values: Tensor) -> Tensor:
    row = torch.arange(images.shape[2], device=images.device)[None, :, None]
    column = torch.arange(images.shape[3], device=images.device)[None, None, :]
    top, bottom, left, right = (
        values[:, edge, None, None] for edge in (Column.CUT_TOP, Column.CUT_BOTTOM, Column.CUT_LEFT, Column.CUT_RIGHT)
    )
    hole = (row >= top) & (row < bottom) & (column >= left) & (column < right)
    return images.masked_fill(hole[:, None], 0.0)


def _flip(images: Tensor, values: Tensor) -> Tensor:
    return images.flip(3)


def _resample(images: Tensor, matrix: Tensor) -> Tensor:
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _scale(images: Tensor, values: Tensor) -> Tensor:
    matrix = values.new_zeros(len(values), 2, 3)
    matrix[:, 0, 0] = values[:, Column.SCALE_X]
    matrix[:, 1, 1] = values[:, Column.SCALE_Y]
    return _resample(images, matrix)


def _rotate(images: Tensor, values: Tensor) -> Tensor:
    cos, sin = values[:, Column.ANGLE].cos(), values[:, Column.ANGLE].sin()
    matrix = values.new_zeros(len(values), 2, 3)
    matrix[:, 0, 0], matrix[:, 0, 1] = cos, -sin
    matrix[:, 1, 0], matrix[:, 1, 1] = sin, cos
    return _resample(images, matrix)


_APPLY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "color": _color,
    "crop": _crop,
    "cutout": _cutout,
    "flip": _flip,
    "scale": _scale,
    "rotate": _rotate,
}
