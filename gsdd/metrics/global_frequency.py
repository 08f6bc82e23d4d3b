"""NRQM's global frequency features: bands of a steerable pyramid, divided by the size of their surroundings."""

from itertools import combinations

import torch
from torch import Tensor

from gsdd.metrics.generalised_gaussian import fit_shape
from gsdd.metrics.matlab import blur, resize
from gsdd.metrics.steerable_pyramid import steerable_pyramid

SCALES = 2
ORIENTATIONS = 6
# Left out at each side of a divided band, for its surroundings wrap around; halved at the coarser scale.
GUARD = 16
WINDOW = 11
SIGMA = 1.5
# Of the structural similarity index: (0.03 * 255) ** 2.
STABILISER = 7.65**2


def global_frequency(image: Tensor) -> Tensor:
    """Describe the whole image's frequencies by the shapes and the correlations of its bands.

    Args:
        image: Y, float64 `[H, W]` in 0..255, at least 45 pixels a side.

    Returns:
        float64 `[45]`: shapes of 12 divided bands (6 orientations of the fine scale, 6 of the coarse); shapes of the 6
        orientations over both scales; structural correlation of 12 bands with the highest frequencies; of the fine
        scale's divided bands with each other, 15 pairs.

    Source: Ma et al., "Learning a no-reference quality metric for single-image super-resolution", CVIU 158, 2017,
    section 4.2; Moorthy and Bovik, "Blind Image Quality Assessment", IEEE TIP 20(12), 2011.
    """
    pyramid = steerable_pyramid(image, SCALES, ORIENTATIONS)
    fine, coarse = (_divided(pyramid.scales, scale) for scale in range(SCALES))
    bands = [*pyramid.scales[0], *(resize(band, *image.shape) for band in pyramid.scales[1])]
    shapes = [*fit_shape(fine.flatten(1)), *fit_shape(coarse.flatten(1))]
    shapes += fit_shape(torch.cat([fine.flatten(1), coarse.flatten(1)], dim=1))
    correlations = [_structural_correlation(band, pyramid.high) for band in bands]
    correlations += [_structural_correlation(*pair) for pair in combinations(fine, 2)]
    return torch.stack([*shapes, *correlations])


def _divided(scales: list[Tensor], scale: int) -> Tensor:
    """Divide the bands of a scale by the sizes of their surroundings, and leave the border out."""
    guard = GUARD >> scale
    divided = torch.stack([_divide(scales, scale, orientation) for orientation in range(ORIENTATIONS)])
    inner = divided[:, guard:-guard, guard:-guard]
    return inner - inner.mean(dim=(1, 2), keepdim=True)


def _divide(scales: list[Tensor], scale: int, orientation: int) -> Tensor:
    """Divide a band by the square root of the multiplier of a Gaussian scale mixture, estimated at each pixel.

    Source: Portilla et al., "Image denoising using scale mixtures of Gaussians in the wavelet domain", IEEE TIP
    12(11), 2003.
    """
    band = scales[scale][orientation]
    surroundings = _surroundings(scales, scale, orientation)
    vectors = torch.stack([neighbour.flatten() for neighbour in surroundings])
    inverse = torch.linalg.pinv(vectors @ vectors.T / vectors.shape[1])
    # The official program counts the 3x3 window and the parent, not the other orientations.
    counted = len(surroundings) - (ORIENTATIONS - 1)
    size = ((inverse @ vectors) * vectors).sum(dim=0).div(counted).sqrt().view_as(surroundings[0])
    inner = _inner(band) - _inner(band).mean()
    return torch.where(size > 0, inner / size, 0.0)


def _surroundings(scales: list[Tensor], scale: int, orientation: int) -> list[Tensor]:
    """List a 3x3 window, the parent at the next coarser scale, and the other orientations, for each inner pixel."""
    band = scales[scale][orientation]
    height, width = (side - 2 for side in band.shape)
    window = [band[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    others = [_inner(other) for index, other in enumerate(scales[scale]) if index != orientation]
    # In the official program the last orientation has no parent.
    if scale + 1 < len(scales) and orientation + 1 < ORIENTATIONS:
        parent = scales[scale + 1][orientation]
        larger = resize(parent, 2 * parent.shape[0], 2 * parent.shape[1])
        window.append(_inner(larger[: band.shape[0], : band.shape[1]]))
    return window + others


def _inner(band: Tensor) -> Tensor:
    return band[1:-1, 1:-1]


def _structural_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Give the mean of the contrast-structure term of SSIM.

    Source: Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 13(4),
    2004, Eq. 13 without luminance.
    """
    moments = torch.stack([first, second, first * first, second * second, first * second])
    mean_1, mean_2, square_1, square_2, product = blur(moments, WINDOW, SIGMA, "none")
    covariance = product - mean_1 * mean_2
    variances = square_1 - mean_1**2 + square_2 - mean_2**2
    similarity: Tensor = (2 * covariance + STABILISER) / (variances + STABILISER)
    return similarity.mean()
