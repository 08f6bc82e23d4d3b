"""NRQM's local frequency features: statistics of the DCT of overlapping 7x7 patches."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from gsdd.metrics.generalised_gaussian import fit_shape

PATCH = 7
STRIDE = 3
# Patches are 3x3 blocks with a border of 2; outside the image is 0.
BORDER = 2
# Which way a patch changes for each of its coefficients: across (1), diagonally (2), down (3); the mean is left out.
DIRECTIONS = (
    ".111111",
    "3211111",
    "3322111",
    "3322211",
    "3332222",
    "3333222",
    "3333222",
)
TINY = 1e-7
TINY_DIRECTION = 1e-8
# The share of the patches that counts as the extreme ones.
TENTH = 0.1
NINE_TENTHS = 0.9


def local_frequency(image: Tensor) -> Tensor:
    """Describe the patches' frequencies: shape, dispersion and its dependence on the direction.

    Args:
        image: float64 `[H, W]` in [0, 1].

    Returns:
        float64 `[6]`: of the Gaussian shape the mean of the lowest tenth and of all, then of the dispersion, then of
        the variance of the dispersion over three directions the mean of the highest tenth and of all.

    Source: Ma et al., "Learning a no-reference quality metric for single-image super-resolution", CVIU 158, 2017,
    section 4.1.
    """
    coefficients = _transform(_patches(image))
    varying = coefficients[:, _mask("123")]
    shapes = fit_shape(varying)
    dispersion = _dispersion(varying, TINY)
    directions = [_dispersion(coefficients[:, _mask(direction)], TINY_DIRECTION) for direction in "123"]
    anisotropy = torch.stack(directions).var(dim=0)
    return torch.stack(
        [
            _lowest(shapes), shapes.mean(),
            _highest(dispersion), dispersion.mean(),
            _highest(anisotropy), anisotropy.mean(),
        ]
    )  # fmt: skip


def _patches(image: Tensor) -> Tensor:
    fill_down, fill_right = (-side % STRIDE for side in image.shape)
    padded = F.pad(image, (BORDER, BORDER + fill_right, BORDER, BORDER + fill_down))
    return padded.unfold(0, PATCH, STRIDE).unfold(1, PATCH, STRIDE).reshape(-1, PATCH, PATCH)


def _transform(patches: Tensor) -> Tensor:
    """Give the orthonormal DCT-II of each patch."""
    index = torch.arange(PATCH, dtype=patches.dtype, device=patches.device)
    basis = torch.cos(math.pi / PATCH * index[:, None] * (index + 0.5)) * math.sqrt(2 / PATCH)
    basis[0] /= math.sqrt(2)
    return basis @ patches @ basis.T


def _mask(directions: str) -> Tensor:
    return torch.tensor([[direction in directions for direction in row] for row in DIRECTIONS])


def _dispersion(coefficients: Tensor, tiny: float) -> Tensor:
    sizes = coefficients.abs()
    return sizes.std(dim=1) / (sizes.mean(dim=1) + tiny)


def _lowest(values: Tensor) -> Tensor:
    return values.sort().values[: math.ceil(TENTH * len(values))].mean()


def _highest(values: Tensor) -> Tensor:
    # From the value at nine tenths, counted from 1.
    return values.sort().values[int(NINE_TENTHS * len(values)) - 1 :].mean()
