"""The definition of class means, L_dis, R and their gradient in PyTorch, and the path that a CPU takes."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gsdd.kernels.matching_layout import FeatureLayout, Runs, runs, sum_dtype


def class_means_reference(features: Tensor, counts: Sequence[int]) -> Tensor:
    """Average the features of each class.

    Args:
        features: floating `[N, D]`, or `[N, C, H, W]`, which is averaged over pixels; class after class.
        counts: rows of each class, all at least 1, summing to N.

    Returns:
        Means `[C, D]`; float64 for float64 features, else float32.
    """
    return _means(_pooled(features), runs(counts, features.device))


def matching_reference(
    features: Tensor, real_means: Tensor, pair_features: Tensor | None, counts: Sequence[int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute the class means, L_dis (Eq. 7) and R (Eq. 8) of each class.

    Args:
        features: floating `[N, D]` or `[N, C, H, W]`, class after class.
        real_means: mean of the real features of each class, `[C, D]`.
        pair_features: partner of each row, `[N, D]`, or None, which leaves R at 0.
        counts: rows of each class, all at least 1, summing to N.

    Returns:
        Means `[C, D]`, L_dis `[C]`, R `[C]`, and the pooled rows `[N, D]` that the gradient of R needs (`[0, D]` where
        features are rows already or there are no pairs).
    """
    rows, cut = _pooled(features), runs(counts, features.device)
    means = _means(rows, cut)
    distribution = (means - real_means).square().sum(dim=1)
    if pair_features is None:
        return means, distribution, torch.zeros_like(distribution), rows.new_empty(0, rows.shape[1])
    distances = (rows - pair_features).square().sum(dim=1, keepdim=True)
    keeps = rows if features.ndim == 4 else rows.new_empty(0, rows.shape[1])
    return means, distribution, _means(distances, cut)[:, 0].contiguous(), keeps


def class_means_backward_reference(gradient: Tensor, counts: Sequence[int], layout: FeatureLayout) -> Tensor:
    """Hand the gradient of the means back to the features.

    Args:
        gradient: of the means, `[C, D]`.
        counts: rows of each class.
        layout: of the features.

    Returns:
        Gradient of the features, in their layout.
    """
    rows, owner = _owners(counts, gradient.device)
    return _spread(gradient[owner], rows[owner], layout)


def matching_backward_reference(
    gradients: tuple[Tensor, Tensor, Tensor],
    means: Tensor,
    real_means: Tensor,
    pairing: tuple[Tensor, Tensor] | None,
    counts: Sequence[int],
    layout: FeatureLayout,
) -> Tensor:
    """Compute the gradient of the features.

    Args:
        gradients: of the means `[C, D]`, of L_dis `[C]` and of R `[C]`.
        means: of each class, `[C, D]`.
        real_means: of each class, `[C, D]`.
        pairing: rows `[N, D]` and the partner of each, `[N, D]`; None if R is 0.
        counts: rows of each class.
        layout: of the features.

    Returns:
        Gradient of the features, in their layout.
    """
    of_means, of_distribution, of_pairs = gradients
    rows_of, owner = _owners(counts, means.device)
    slope = ((means - real_means) * (2 * of_distribution)[:, None] + of_means)[owner]
    if pairing is not None:
        rows, partners = (part.to(means.dtype) for part in pairing)
        slope = slope + (rows - partners) * (2 * of_pairs)[owner, None]
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


def _owners(counts: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows of each class, and the class of each row."""
    rows = torch.tensor(list(counts), device=device)
    return rows, torch.arange(len(rows), device=device).repeat_interleave(rows)


def _spread(slope: Tensor, rows: Tensor, layout: FeatureLayout) -> Tensor:
    gradient = (slope / (rows[:, None] * layout.pixels)).to(layout.dtype)
    if len(layout.shape) == 2:
        return gradient
    return gradient[:, :, None, None].expand(layout.shape).contiguous(memory_format=layout.memory_format)
