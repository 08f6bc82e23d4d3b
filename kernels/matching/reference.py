"""The definition of class means, L_dis, R and their gradient in PyTorch, and the path that a CPU takes."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gsdd.kernels.matching.layout import FeatureLayout, Runs, runs
from gsdd.kernels.matching.terms import Compared, Terms, sum_dtype


def matching_reference(
    features: Tensor, real_means: Tensor | None, pair_features: Tensor | None, counts: Sequence[int]
) -> Terms:
    """Compute the class means, L_dis (Eq. 7) and R (Eq. 8) of each class.

    Args:
        features: floating `[N, D]`, or `[N, C, H, W]`, which is averaged over pixels; class after class.
        real_means: mean of the real features of each class, `[C, D]`; None computes the means only.
        pair_features: partner of each row, `[N, D]`, or None, which leaves R at 0.
        counts: rows of each class, all at least 1, summing to N.

    Returns:
        The terms; float64 for float64 features, else float32.
    """
    rows, cut = _pooled(features), runs(counts, features.device)
    means, unused = _means(rows, cut), rows.new_empty(0, rows.shape[1])
    if real_means is None:
        return Terms(means, rows.new_empty(0), rows.new_empty(0), unused)
    distribution = (means - real_means).square().sum(dim=1)
    if pair_features is None:
        return Terms(means, distribution, torch.zeros_like(distribution), unused)
    distances = (rows - pair_features).square().sum(dim=1, keepdim=True)
    return Terms(means, distribution, _means(distances, cut)[:, 0].contiguous(), rows if features.ndim == 4 else unused)


def matching_backward_reference(
    of_means: Tensor,
    compared: Compared | None,
    pairing: tuple[Tensor, Tensor] | None,
    counts: Sequence[int],
    layout: FeatureLayout,
) -> Tensor:
    """Compute the gradient of the features.

    Args:
        of_means: gradient of the means, `[C, D]`.
        compared: what real means add to it; None if there are none.
        pairing: rows `[N, D]` and the partner of each, `[N, D]`; None if R is 0.
        counts: rows of each class.
        layout: of the features.

    Returns:
        Gradient of the features, in their layout.
    """
    rows_of = torch.tensor(list(counts), device=of_means.device)
    owner = torch.arange(len(rows_of), device=of_means.device).repeat_interleave(rows_of)
    slope = of_means
    if compared is not None:
        slope = (compared.means - compared.real_means) * (2 * compared.of_distribution)[:, None] + slope
    slope = slope[owner]
    if compared is not None and pairing is not None:
        rows, partners = (part.to(slope.dtype) for part in pairing)
        slope = slope + (rows - partners) * (2 * compared.of_pairs)[owner, None]
    return _spread(slope, rows_of[owner], layout)


def _pooled(features: Tensor) -> Tensor:
    dtype = sum_dtype(features.dtype)
    return features.mean(dim=(2, 3), dtype=dtype) if features.ndim == 4 else features.to(dtype)


def _means(rows: Tensor, cut: Runs) -> Tensor:
    """Sum in two steps, so that the rounding error of a long class stays small."""
    sums = _add_runs(_add_runs(rows, cut.pieces[:, 1]), cut.classes[:, 0])
    return sums / cut.classes[:, 2:]


def _add_runs(rows: Tensor, starts: Tensor) -> Tensor:
    """Add up consecutive rows in order: the one grouped sum of torch that is exact in its order on every device."""
    every = torch.arange(len(rows), device=rows.device, dtype=starts.dtype)
    return F.embedding_bag(every, rows.contiguous(), starts.contiguous(), mode="sum")


def _spread(slope: Tensor, rows: Tensor, layout: FeatureLayout) -> Tensor:
    gradient = (slope / (rows[:, None] * layout.pixels)).to(layout.dtype)
    if len(layout.shape) == 2:
        return gradient
    return gradient[:, :, None, None].expand(layout.shape).contiguous(memory_format=layout.memory_format)
