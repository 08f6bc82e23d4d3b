"""Distribution matching of whole batches of features: class means, L_dis, R and Eq. 9."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.matching_reference import class_means_reference, class_pair_distances_reference


@dataclass(frozen=True)
class Matching:
    """The terms of Eq. 9, one value a class.

    Attributes:
        distribution: L_dis, `[C]`, at least 0.
        pairs: R, `[C]`, at least 0; zeros if no pairs were given.
        lam: lambda, in [0, 1].
    """

    distribution: Tensor
    pairs: Tensor
    lam: float

    @property
    def total(self) -> Tensor:
        """Return (1 - lambda) L_dis + lambda R, summed over classes (Eq. 6 and 9)."""
        return ((1 - self.lam) * self.distribution + self.lam * self.pairs).sum()


def class_means(features: Tensor, counts: tuple[int, ...]) -> Tensor:
    """Average the features of each class.

    Args:
        features: floating `[N, D]`, class after class.
        counts: images of each class, all at least 1, summing to N.

    Returns:
        Means `[C, D]`.

    Raises:
        KernelInputError: the counts do not divide the rows, or a class is empty.
    """
    _check(features, counts)
    return class_means_reference(features, counts)


def matching(
    features: Tensor, counts: tuple[int, ...], real_means: Tensor, pair_features: Tensor | None = None, lam: float = 0.0
) -> Matching:
    """Compare the features of synthetic images with the real ones, class by class.

    Args:
        features: psi(A(G(z_j), omega)), floating `[N, D]`, class after class.
        counts: latents of each class, all at least 1, summing to N.
        real_means: mean of psi(A(x_i, omega)) of each class, `[C, D]`.
        pair_features: psi(A(x_k, omega)) of the crop that each latent is paired with, `[N, D]`; None leaves R at 0.
        lam: lambda, in [0, 1].

    Returns:
        L_dis and R a class; distances are summed over D.

    Raises:
        KernelInputError: shapes that do not belong together, or an empty class.

    Source: GSDD paper, Eq. 7 (L_dis), 8 (R), 9 (their sum).
    """
    _check(features, counts)
    if real_means.shape != (len(counts), features.shape[1]):
        raise KernelInputError(
            f"matching: got real means {tuple(real_means.shape)}, wanted {(len(counts), features.shape[1])}"
        )
    distribution = (class_means_reference(features, counts) - real_means).square().sum(dim=1)
    if pair_features is None:
        return Matching(distribution, torch.zeros_like(distribution), lam)
    if pair_features.shape != features.shape:
        raise KernelInputError(f"matching: got pairs {tuple(pair_features.shape)}, wanted {tuple(features.shape)}")
    return Matching(distribution, class_pair_distances_reference(features, pair_features, counts), lam)


def _check(features: Tensor, counts: tuple[int, ...]) -> None:
    if features.ndim != 2 or not features.is_floating_point():
        raise KernelInputError(f"features: got {features.dtype} {tuple(features.shape)}, wanted floating [N, D]")
    if sum(counts) != features.shape[0] or min(counts, default=0) < 1:
        raise KernelInputError(
            f"class counts: got {counts} for {features.shape[0]} rows, wanted counts of at least 1 that sum to it"
        )
