"""The definition of the class means and pair distances in PyTorch, and the path that a CPU takes."""

import torch
from torch import Tensor


def class_means_reference(features: Tensor, counts: tuple[int, ...]) -> Tensor:
    """Average consecutive runs of rows.

    Args:
        features: floating `[N, D]`, class after class.
        counts: rows of each class, all at least 1, summing to N.

    Returns:
        Means `[C, D]`.
    """
    return torch.stack([part.mean(dim=0) for part in features.split(list(counts))])


def class_pair_distances_reference(features: Tensor, pairs: Tensor, counts: tuple[int, ...]) -> Tensor:
    """Average the squared distance of each row to its partner, class by class (Eq. 8).

    Args:
        features: floating `[N, D]`, class after class.
        pairs: partner of each row, `[N, D]`.
        counts: rows of each class, all at least 1, summing to N.

    Returns:
        Mean squared distance `[C]`, summed over D.
    """
    distances = (features - pairs).square().sum(dim=1)
    return torch.stack([part.mean() for part in distances.split(list(counts))])
