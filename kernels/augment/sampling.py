"""Flip, scale and rotate in PyTorch: the composed map of plan.py and its transpose, tap for tap.

Frames lie in planes with a border of zeros, two pixels wide, rows end to end: a row's right border is the next row's
left one. A tap's place in a plane is one number, the other three taps are at fixed distances from it, and positions
beyond the border are moved onto it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from gsdd.kernels.augment.plan import PlanColumn

BORDER = 2
MOST_EXACT = 1 << 24  # float32 holds all whole numbers up to this


class Taps(NamedTuple):
    """What output pixels read; M images, or one for all.

    Attributes:
        first: place of the upper left tap in a plane, int64 `[M, 1, H * W]`.
        weights: of the upper left, upper right, lower left and lower right tap, each `[M, 1, H, W]`.
    """

    first: Tensor
    weights: tuple[Tensor, Tensor, Tensor, Tensor]


def taps(rows: Tensor, height: int, width: int) -> Taps:
    """Work out where and with what weights output pixels are read.

    Args:
        rows: of the plan, `[M, 19]`; weights are of its dtype.
        height: rows of an image, in pixels.
        width: columns of an image, in pixels.

    Returns:
        Four taps a pixel.
    """
    py, px = _positions(rows, height, width)
    top, left = py.floor(), px.floor()
    fy, fx = py.sub_(top)[:, None], px.sub_(left)[:, None]
    gy, gx = 1.0 - fy, 1.0 - fx
    first = _places(top.clamp_(-BORDER, height), left.clamp_(-BORDER, width), width + BORDER)
    return Taps(first.flatten(1)[:, None], (gx * gy, fx * gy, gx * fy, fx * fy))


def _places(r: Tensor, q: Tensor, step: int) -> Tensor:
    """Number places in planes whose rows are `step` long; done in floats, twice as fast as in int64."""
    if (int(r.max()) + BORDER + 1) * step > MOST_EXACT:
        r = r.double()
    return r.mul_(step).add_(q).add_(BORDER * step + BORDER).long()


def resample(frames: Tensor, sampled: Taps) -> Tensor:
    """Read frames bilinearly.

    Args:
        frames: floating `[N, C, H, W]`.
        sampled: taps of these N frames, or of one for all.

    Returns:
        `[N, C, H, W]`, contiguous.
    """
    planes = _planes(frames)
    _interior(planes, frames).copy_(frames)
    first = sampled.first.expand(*frames.shape[:2], -1)
    return _added_up(
        planes[..., distance:].gather(2, first).view(frames.shape).mul_(weights)
        for distance, weights in zip(_distances(frames), sampled.weights, strict=True)
    )


def resample_back(grad: Tensor, sampled: Taps) -> Tensor:
    """Apply the transpose of `resample`: each tap's part is summed on its own, then the four in their order.

    On a CPU equal inputs give equal bits; on a GPU the additions come in any order, use the kernel there.

    Args:
        grad: to what was read, floating `[N, C, H, W]`.
        sampled: taps of these N images, or of one for all.

    Returns:
        The gradient to the frames, `[N, C, H, W]`.
    """
    first = sampled.first.expand(*grad.shape[:2], -1)
    return _added_up(
        _interior(_scattered(grad * weights, first, distance), grad)
        for distance, weights in zip(_distances(grad), sampled.weights, strict=True)
    )


def _added_up(parts: Iterator[Tensor]) -> Tensor:
    """Add to the first part, which must be a new tensor; the parts are made one by one."""
    total = next(parts)
    for part in parts:
        total.add_(part)
    return total


def _positions(rows: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """(py, px) of each output pixel, each `[M, H, W]`."""
    cy, cx = (height - 1) * 0.5, (width - 1) * 0.5
    numbers = torch.arange(max(height, width), device=rows.device).to(rows.dtype)
    y, x = numbers[None, :height, None] - cy, numbers[None, None, :width] - cx
    xx, xy, yx, yy = (rows[:, column, None, None] for column in range(PlanColumn.XX, PlanColumn.YY + 1))
    return (yx * x + yy * y).add_(cy), (xx * x + xy * y).add_(cx)


def _planes(images: Tensor) -> Tensor:
    count, channels, height, width = images.shape
    return images.new_zeros(count, channels, (height + 2 * BORDER + 1) * (width + BORDER))


def _scattered(values: Tensor, first: Tensor, distance: int) -> Tensor:
    planes = _planes(values)
    planes[..., distance:].scatter_add_(2, first, values.flatten(2))
    return planes


def _interior(planes: Tensor, images: Tensor) -> Tensor:
    height, width = images.shape[2:]
    return planes.view(*images.shape[:2], -1, width + BORDER)[:, :, BORDER : BORDER + height, BORDER:]


def _distances(images: Tensor) -> tuple[int, int, int, int]:
    below = images.shape[3] + BORDER
    return 0, 1, below, below + 1
