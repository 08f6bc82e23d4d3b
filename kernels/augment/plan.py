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

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import torch
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.augmentation import OPS, Augmentation, Column
from gsdd.kernels.upload import uploaded

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


@dataclass(frozen=True)
class Planned:
    """omega worked out for images of one size, where they lie: an op that takes it computes and copies nothing more.

    Attributes:
        ops: bits of `Augmentation.ops`, int32 `[N]`.
        rows: `[N, 19]`, as `plan_of` gives them.
        size: height and width of the images, in pixels.
    """

    ops: Tensor
    rows: Tensor
    size: tuple[int, int]

    @classmethod
    def of(
        cls,
        augmentation: Augmentation,
        size: tuple[int, int],
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> "Planned":
        """Work omega out.

        Args:
            augmentation: omega of N images.
            size: height and width of the images, in pixels.
            device: where the images lie.
            dtype: float64 for float64 images, else float32.

        Raises:
            KernelInputError: a scale of 0.
        """
        rows = uploaded(plan_of(augmentation, *size, dtype), device)
        return cls(uploaded(augmentation.ops.to(torch.int32), device), rows, size)

    @classmethod
    def identity(cls, images: Tensor) -> "Planned":
        """Leave images `[N, C, H, W]` as they are."""
        dtype = torch.float64 if images.dtype == torch.float64 else torch.float32
        return _identity(len(images), (images.shape[2], images.shape[3]), images.device, dtype)

    def __len__(self) -> int:
        """Return how many images it describes."""
        return len(self.ops)

    def take(self, index: Tensor) -> "Planned":
        """Give image k of a new batch the parameters of row `index[k]`.

        Args:
            index: rows to take, int64 `[M]`, where the images lie.
        """
        return Planned(self.ops[index], self.rows[index], self.size)


# Whoever embeds without augmentation asks for the same ones at each step.
@lru_cache(maxsize=16)
def _identity(count: int, size: tuple[int, int], device: torch.device, dtype: torch.dtype) -> Planned:
    return Planned.of(Augmentation.identity(count), size, device, dtype)


def plan_for(
    op: str, images: Tensor, omega: Augmentation | Planned, means: Tensor | None, dtype: torch.dtype
) -> Planned:
    """Work omega out for these images, unless that was done.

    Args:
        op: whose input it is, for the message.
        images: `[N, C, H, W]`.
        omega: wanted of N images, fixed: no op has a gradient to its parameters.
        means: wanted floating `[N]`, or None.
        dtype: what the op computes in.

    Raises:
        KernelInputError: another number of images, parameters that want a gradient, a scale of 0, or omega that was
            worked out for other images.
    """
    count = len(images)
    if len(omega) != count:
        raise KernelInputError(f"{op}: got omega for {len(omega)} images, wanted {count}")
    if means is not None and (means.shape != (count,) or not means.is_floating_point()):
        raise KernelInputError(
            f"{op}: means: got {means.dtype} {tuple(means.shape)}, wanted floating [{count}]; take image_means"
        )
    size = images.shape[2], images.shape[3]
    if isinstance(omega, Augmentation):
        if omega.values.requires_grad:
            raise KernelInputError(f"{op}: got omega that wants a gradient, wanted a fixed one; detach its values")
        return Planned.of(omega, size, images.device, dtype)
    if (omega.size, omega.rows.device, omega.rows.dtype) != (size, images.device, dtype):
        raise KernelInputError(
            f"{op}: got omega worked out for {omega.size} in {omega.rows.dtype} on {omega.rows.device}, wanted it for "
            f"{size} in {dtype} on {images.device}; give it as it was drawn"
        )
    return omega


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
