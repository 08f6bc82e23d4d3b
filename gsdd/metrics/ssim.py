"""Structural similarity."""

from torch import Tensor

from gsdd.metrics.conventions import WHOLE_RGB, Convention, compared
from gsdd.metrics.matlab import blur

WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03


def ssim(images: Tensor, references: Tensor, convention: Convention = WHOLE_RGB) -> Tensor:
    """Measure the SSIM of each image with its reference.

    The window is 11x11 and Gaussian, and only where it lies wholly in the image; channels are averaged.

    Args:
        images: `[N, 3, H, W]` RGB, uint8 in 0..255 or float in [0, 1].
        references: the same shape and the same kind of dtype.
        convention: what is compared.

    Returns:
        float64 `[N]`, at most 1.

    Raises:
        KernelInputError: the two cannot be compared, or are smaller than the window after shaving.

    Source:
        Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity",
        IEEE TIP 13(4), 2004, Eq. 13 with its window, C1 and C2.
    """
    ours, theirs = compared(images, references, convention, "ssim", WINDOW)
    # One channel at a time: a large photo has a few maps of float64 at once.
    values = ours.new_empty(ours.shape[:2])
    for place, one, other in zip(values.view(-1), ours.flatten(0, 1), theirs.flatten(0, 1), strict=True):
        place.copy_(_similarity(one, other, convention.peak))
    return values.mean(dim=1)


def _similarity(one: Tensor, other: Tensor, peak: float) -> Tensor:
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    moments = (one, other, one.square() + other.square(), one * other)
    mean, other_mean, squares, product = (blur(moment, WINDOW, SIGMA, "none") for moment in moments)
    variances = squares - mean.square() - other_mean.square()
    covariance = product - mean * other_mean
    luminance = (2 * mean * other_mean + c1) / (mean.square() + other_mean.square() + c1)
    return (luminance * (2 * covariance + c2) / (variances + c2)).mean()
