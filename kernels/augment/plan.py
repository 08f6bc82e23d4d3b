"""omega worked out for one image size: the numbers that the reference and the kernels share, bit for bit.

Ops act in the order of `OPS`. The geometric ones (crop, flip, scale, rotate) are composed into one map from output to
source pixels, so that mode multiple resamples once; applied one after the other, as the public DSA code does, an image
is resampled twice and loses what the first resampling moved out of the frame.

Pixel centres stand on integers; (cx, cy) = ((W - 1) / 2, (H - 1) / 2). Output pixel (row i, column j) reads the frame
(the image after color, crop and cutout) at
    px = (XX * (j - cx) + XY * (i - cy)) + cx,    py = (YX * (j - cx) + YY * (i - cy)) + cy,
bilinearly, with zeros outside; without scale and rotate at (W - 1 - j or j, i), unmixed. Frame pixel (r, c) is source
pixel (r + SHIFT_ROWS, c + SHIFT_COLUMNS), zero where that is outside the image or where (r, c) is in the hole.
"""

from enum import IntEnum

import torch
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.augmentation import OPS, Augmentation, Column

RESAMPLING = (1 << OPS.index("scale")) | (1 << OPS.index("rotate"))
# Footprints are searched this much wider than they are: a candidate too many has weight 0.
SLACK = 1e-3


class PlanColumn(IntEnum):
    """Columns of a plan; parameters of ops that do not act have their neutral value."""

    BRIGHTNESS = 0
    SATURATION = 1
    CONTRAST = 2
    SHIFT_ROWS = 3
    SHIFT_COLUMNS = 4
    CUT_TOP = 5
    CUT_BOTTOM = 6
    CUT_LEFT = 7
    CUT_RIGHT = 8
    XX = 9
    XY = 10
    YX = 11
    YY = 12
    INVERSE_XX = 13
    INVERSE_XY = 14
    INVERSE_YX = 15
    INVERSE_YY = 16
    REACH_COLUMNS = 17
    REACH_ROWS = 18


NEUTRAL = (0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0)
_OP_OF_COLUMN = ("brightness", "saturation", "contrast", *["crop"] * 2, *["cutout"] * 4, *["scale"] * 2, "rotate")


def plan_of(augmentation: Augmentation, height: int, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Work omega out for images of one size.

    Args:
        augmentation: omega of N images.
        height: rows of an image, in pixels.
        width: columns of an image, in pixels.
        dtype: float64 for float64 images, else float32.

    Returns:
        `[N, 19]` by `PlanColumn`, on omega's device. The inverse maps (j - cx, i - cy) of the frame to those of the
        output; an output pixel whose reading touches a frame pixel lies within REACH_COLUMNS and REACH_ROWS of it.

    Raises:
        KernelInputError: a scale of 0.
    """
    values = _neutralised(augmentation).to(torch.float64)
    matrix = _matrix(augmentation, values, height, width)
    inverse = _inverse(matrix)
    reach = inverse.abs().sum(dim=2) + SLACK
    columns = [values[:, : Column.SCALE_X], matrix.flatten(1), inverse.flatten(1), reach]
    return torch.cat(columns, dim=1).to(dtype)


def _inverse(matrix: Tensor) -> Tensor:
    try:
        inverse: Tensor = torch.linalg.inv(matrix)
    except RuntimeError as error:
        raise KernelInputError("augmentation: got a scale of 0, wanted factors other than 0") from error
    return inverse


def _neutralised(augmentation: Augmentation) -> Tensor:
    bits = torch.tensor([OPS.index(name) for name in _OP_OF_COLUMN], device=augmentation.ops.device)
    acts = (augmentation.ops[:, None] >> bits & 1).bool()
    return torch.where(acts, augmentation.values, augmentation.values.new_tensor(NEUTRAL))


def _matrix(augmentation: Augmentation, values: Tensor, height: int, width: int) -> Tensor:
    """flip . scale . rotate in centred pixels; rotate turns normalised coordinates, so it shears oblong images."""
    cos, sin = values[:, Column.ANGLE].cos(), values[:, Column.ANGLE].sin()
    flip = 1 - 2 * (augmentation.ops >> OPS.index("flip") & 1).to(values)
    scale_x, scale_y = values[:, Column.SCALE_X] * flip, values[:, Column.SCALE_Y]
    oblong = max(width, 1) / max(height, 1)
    rows = [scale_x * cos, -scale_x * sin * oblong, scale_y * sin / oblong, scale_y * cos]
    return torch.stack(rows, dim=1).view(-1, 2, 2)
