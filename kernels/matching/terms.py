"""What both implementations of matching give and take: the terms of each class, and what their gradient needs."""

import functools
from typing import NamedTuple

import torch
from torch import Tensor


class Terms(NamedTuple):
    """Results of the forward pass, fp32 or float64.

    Attributes:
        means: of each class, `[C, D]`.
        distribution: L_dis (Eq. 7), `[C]`; `[0]` without real means.
        pairs: R (Eq. 8), `[C]`, zeros without pairs; `[0]` without real means.
        pooled: rows `[N, D]` that the gradient of R needs; `[0, D]` where features are rows already or have no pairs.
    """

    means: Tensor
    distribution: Tensor
    pairs: Tensor
    pooled: Tensor


class Compared(NamedTuple):
    """What the gradient of features needs where they were compared with real means.

    Attributes:
        of_distribution: gradient of L_dis, `[C]`.
        of_pairs: gradient of R, `[C]`.
        means: `[C, D]`.
        real_means: `[C, D]`.
    """

    of_distribution: Tensor
    of_pairs: Tensor
    means: Tensor
    real_means: Tensor


def sum_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype that features are summed in, which is that of the results."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def empty_terms(features: Tensor, classes: int, *, matched: bool, paired: bool) -> Terms:
    """Allocate the terms of these features.

    Args:
        features: `[N, D]` or `[N, C, H, W]`.
        classes: how many there are.
        matched: whether there are real means.
        paired: whether there are pairs.

    Returns:
        Tensors that are not filled.
    """
    new = functools.partial(features.new_empty, dtype=sum_dtype(features.dtype))
    width, compared = features.shape[1], classes if matched else 0
    kept = features.shape[0] if paired and features.ndim == 4 else 0
    return Terms(new((classes, width)), new((compared,)), new((compared,)), new((kept, width)))
