"""Peak signal-to-noise ratio of RGB images.

Convention: all three channels together, no border shaved; the data range is 255 for uint8 and 1 for floats.
"""

import torch
from torch import Tensor

from gsdd.errors import KernelInputError

UINT8_RANGE = 255.0
FLOAT_RANGE = 1.0


def psnr(images: Tensor, references: Tensor) -> Tensor:
    """Measure the PSNR of each image against its reference.

    Args:
        images: `[N, 3, H, W]` RGB, uint8 in 0..255 or float in [0, 1] (not clamped here).
        references: the same shape and the same kind of dtype.

    Returns:
        float64 `[N]` in dB; `inf` where the two are equal.

    Raises:
        KernelInputError: the shapes differ, are not `[N, 3, H, W]`, or one is uint8 and the other is not.
    """
    _check(images, references)
    error = (images.double() - references.double()).square().mean(dim=(1, 2, 3))
    return psnr_of_error(error, UINT8_RANGE if images.dtype == torch.uint8 else FLOAT_RANGE)


def psnr_of_error(error: Tensor, peak: float = UINT8_RANGE) -> Tensor:
    """Express mean squared errors as PSNR.

    Args:
        error: mean squared errors, at least 0, any shape.
        peak: the data range.

    Returns:
        dB, same shape; `inf` where the error is 0.
    """
    return 10 * torch.log10(peak**2 / error)


def _check(images: Tensor, references: Tensor) -> None:
    if images.shape != references.shape or images.ndim != 4 or images.shape[1] != 3:
        raise KernelInputError(
            f"psnr: got images {list(images.shape)} and references {list(references.shape)}; "
            "both must be [N, 3, H, W] of one size"
        )
    kinds = {image.dtype if image.dtype == torch.uint8 else image.is_floating_point() for image in (images, references)}
    if kinds not in ({torch.uint8}, {True}):
        raise KernelInputError(
            f"psnr: got {images.dtype} and {references.dtype}; pass two uint8 (0..255) or two float ([0, 1]) tensors"
        )
