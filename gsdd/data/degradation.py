"""HR -> LR, and float <-> 8-bit: the one definition that files, pairs and metrics share."""

import torch
from torch import Tensor
from torch.nn import functional as F

from gsdd.errors import KernelInputError, RecipeError

SCALES = (1, 2, 3, 4, 8)
# Where nobody asks for another one.
SCALE = 4


def check_scale(scale: object) -> int:
    """Refuse a scale at which there are no pairs.

    Args:
        scale: HR side / LR side.

    Returns:
        The scale.

    Raises:
        RecipeError: it is none of `SCALES`.
    """
    if type(scale) is not int or scale not in SCALES:
        raise RecipeError(f"`scale`: got {scale!r}, wanted one of {', '.join(map(str, SCALES))}")
    return scale


def whole(side: int, multiple: int) -> int:
    """Give the largest multiple that is not above a side."""
    return side - side % multiple


def cut(images: Tensor, multiple: int) -> Tensor:
    """Crop images at the right and the bottom to multiples, as BasicSR's mod_crop does.

    Args:
        images: `[N, 3, H, W]`.
        multiple: at least 1.

    Returns:
        A view of them.
    """
    return images[..., : whole(images.shape[-2], multiple), : whole(images.shape[-1], multiple)]


def downscale(hr: Tensor, scale: int) -> Tensor:
    """Downscale by antialiased bicubic interpolation, as SR training data are made.

    Args:
        hr: float RGB `[N, 3, H, W]`, about [0, 1]; H and W are multiples of `scale`.
        scale: a whole number, at least 1.

    Returns:
        LR `[N, 3, H / scale, W / scale]`, not clamped: bicubic overshoots at edges.

    Raises:
        KernelInputError: if the tensor is not four-dimensional floating point, or `scale` does not divide its sides.

    Source:
        Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 29(6), 1981, with a = -0.5
        and the kernel stretched by `scale`, as in MATLAB's imresize; without antialias LR would alias.
    """
    if hr.ndim != 4 or not hr.is_floating_point():
        raise KernelInputError(f"hr is {hr.dtype} {list(hr.shape)}; wanted floating point [N, 3, H, W]")
    height, width = hr.shape[-2:]
    if scale < 1 or height % scale or width % scale:
        raise KernelInputError(f"hr is {height}x{width}; wanted sides that are multiples of the scale {scale}")
    size = (height // scale, width // scale)
    return F.interpolate(hr, size=size, mode="bicubic", antialias=True, align_corners=False)


def low_resolution(images: Tensor, scale: int) -> Tensor:
    """Make the LR partners of HR images: antialiased bicubic, computed from the rounded HR that trainers see.

    Args:
        images: HR, uint8 RGB `[N, 3, H, W]`.
        scale: HR side / LR side.

    Returns:
        uint8 RGB `[N, 3, H / scale, W / scale]`.
    """
    return to_uint8(downscale(to_float(images), scale))


def to_uint8(image: Tensor) -> Tensor:
    """Round to 8 bits: round(255 * clamp(x, 0, 1)), ties to even.

    Args:
        image: floating point, any shape; [0, 1] is black to white.

    Returns:
        uint8 of the same shape.
    """
    return image.clamp(0, 1).mul(255).round().to(torch.uint8)


def to_float(image: Tensor) -> Tensor:
    """Bring 8-bit values to [0, 1].

    Args:
        image: uint8, any shape; or floating point that is there already.

    Returns:
        float32 of the same shape, value / 255; what is floating point as it is.
    """
    return image.to(torch.float32) if image.is_floating_point() else image.to(torch.float32).div(255)
