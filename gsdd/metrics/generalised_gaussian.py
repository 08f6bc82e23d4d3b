"""Generalised Gaussian distributions, fitted by moments: the shape is looked up in steps of 0.001, as is usual."""

from typing import NamedTuple

import torch
from torch import Tensor

# Thousandths; the ranges are those of the programs that the metrics' models were trained with.
ASYMMETRIC_SHAPES = range(200, 10_001)
SYMMETRIC_SHAPES = range(30, 10_001)
# Keeps the ratio of an all-zero sample finite.
TINY = 1e-7


class AsymmetricFit(NamedTuple):
    """An asymmetric generalised Gaussian: shape alpha, and the scales of its left and its right half."""

    shape: Tensor
    left: Tensor
    right: Tensor


def fit_asymmetric(samples: Tensor) -> AsymmetricFit:
    """Fit an asymmetric generalised Gaussian of mode 0 to each row.

    Args:
        samples: `[B, n]`, float64.

    Returns:
        three float64 `[B]`. A row without a negative or without a positive value has NaN scales and the least shape.

    Source: Lasmar, Stitou and Berthoumieu, "Multiscale skewed heavy tailed model for texture analysis", ICIP 2009.
    """
    left, right = (_root_mean_square_where(samples, side) for side in (samples < 0, samples > 0))
    skew = left / right
    ratio = samples.abs().mean(dim=1).square() / samples.square().mean(dim=1)
    ratio = ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shapes = _shapes(ASYMMETRIC_SHAPES, samples)
    table = torch.exp(2 * torch.lgamma(2 / shapes) - torch.lgamma(1 / shapes) - torch.lgamma(3 / shapes))
    # Of NaN, argmin gives the first place, as MATLAB's min does.
    shape = shapes[(table - ratio[:, None]).abs().argmin(dim=1)]
    scale = torch.exp((torch.lgamma(1 / shape) - torch.lgamma(3 / shape)) / 2)
    return AsymmetricFit(shape, left * scale, right * scale)


def fit_shape(samples: Tensor) -> Tensor:
    """Find the shape of a generalised Gaussian for each row, whatever its mean and scale.

    Args:
        samples: `[B, n]`, float64.

    Returns:
        float64 `[B]` in 0.03..10; 2 is a Gaussian, 1 a Laplacian.

    Source: Sharifi and Leon-Garcia, "Estimation of shape parameter for generalized Gaussian distributions in subband
    decompositions of video", IEEE TCSVT 5(1), 1995.
    """
    deviation = samples - samples.mean(dim=1, keepdim=True)
    ratio = samples.var(dim=1) / (deviation.abs().mean(dim=1).square() + TINY)
    shapes = _shapes(SYMMETRIC_SHAPES, samples)
    table = torch.exp(torch.lgamma(1 / shapes) + torch.lgamma(3 / shapes) - 2 * torch.lgamma(2 / shapes))
    return shapes[_nearest(table, ratio)]


def _shapes(thousandths: range, like: Tensor) -> Tensor:
    return torch.arange(thousandths.start, thousandths.stop, dtype=torch.float64, device=like.device) / 1000


def _root_mean_square_where(samples: Tensor, chosen: Tensor) -> Tensor:
    return ((samples.square() * chosen).sum(dim=1) / chosen.sum(dim=1)).sqrt()


def _nearest(falling: Tensor, values: Tensor) -> Tensor:
    """Index of the entry of a falling table that is nearest to each value."""
    rising = falling.flip(0)
    above = torch.searchsorted(rising, values).clamp(1, len(rising) - 1)
    below_is_nearer = values - rising[above - 1] < rising[above] - values
    return len(rising) - 1 - torch.where(below_is_nearer, above - 1, above)
