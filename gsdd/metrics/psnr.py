"""Peak signal-to-noise ratio."""

import torch
from torch import Tensor

from gsdd.metrics.conventions import LEVELS, WHOLE_RGB, Convention, compared


def psnr(images: Tensor, references: Tensor, convention: Convention = WHOLE_RGB) -> Tensor:
    """Measure the PSNR of each image against its reference.

    Args:
        images: `[N, 3, H, W]` RGB, uint8 in 0..255 or float in [0, 1] (not clamped here).
        references: the same shape and the same kind of dtype.
        convention: what is compared; of RGB, the error is the mean over all three channels.

    Returns:
        float64 `[N]` in dB; `inf` where the two are equal.

    Raises:
        KernelInputError: the two cannot be compared, or nothing is left after shaving.
    """
    ours, theirs = compared(images, references, convention, "psnr")
    return psnr_of_error((ours - theirs).square().mean(dim=(1, 2, 3)), convention.peak)


def psnr_of_error(error: Tensor, peak: float = LEVELS) -> Tensor:
    """Express mean squared errors as PSNR.

    Args:
        error: mean squared errors, at least 0, any shape.
        peak: the data range.

    Returns:
        dB, same shape; `inf` where the error is 0.
    """
    return 10 * torch.log10(peak**2 / error)
