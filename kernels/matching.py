"""Distribution matching of whole batches of features: class means, L_dis, R and Eq. 9."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels import matching_ops
from gsdd.kernels.backend import Backend
from gsdd.kernels.matching_layout import sum_dtype


@dataclass(frozen=True)
class Matching:
    """The terms of Eq. 9, one value a class; fp32, or float64 for float64 features.

    Attributes:
        distribution: L_dis, `[C]`, at least 0.
        pairs: R, `[C]`, at least 0; zeros if no pairs were given.
        lam: lambda, in [0, 1].
        means: of the features of each class, `[C, D]`; None in terms averaged over several psi.
    """

    distribution: Tensor
    pairs: Tensor
    lam: float
    means: Tensor | None = None

    @property
    def total(self) -> Tensor:
        """Return (1 - lambda) L_dis + lambda R, summed over classes (Eq. 6 and 9)."""
        return ((1 - self.lam) * self.distribution + self.lam * self.pairs).sum()


def class_means(features: Tensor, counts: tuple[int, ...], *, backend: Backend = "auto") -> Tensor:
    """Average the features of each class, differentiable in them.

    Args:
        features: floating `[N, D]`, or `[N, C, H, W]`, which is averaged over pixels (D = C); class after class, any
            strides.
        counts: images of each class, all at least 1, summing to N.
        backend: which implementation runs.

    Returns:
        Means `[C, D]`, summed and stored in fp32 (float64 for float64 features).

    Raises:
        KernelInputError: the counts do not divide the rows, a class is empty, or the backend cannot run here.
    """
    _check(features, counts)
    means: Tensor = matching_ops.class_means(features, list(counts), backend)
    return means


def matching(
    features: Tensor,
    counts: tuple[int, ...],
    real_means: Tensor,
    pair_features: Tensor | None = None,
    lam: float = 0.0,
    *,
    backend: Backend = "auto",
) -> Matching:
    """Compare the features of synthetic images with the real ones, class by class; differentiable in all of them.

    Args:
        features: psi(A(G(z_j), omega)), floating `[N, D]`, or `[N, C, H, W]`, which is averaged over pixels (D = C);
            class after class, any strides.
        counts: latents of each class, all at least 1, summing to N.
        real_means: mean of psi(A(x_i, omega)) of each class, `[C, D]`.
        pair_features: psi(A(x_k, omega)) of the crop that each latent is paired with, `[N, D]` or in the shape of
            `features`; None leaves R at 0.
        lam: lambda, in [0, 1].
        backend: which implementation runs.

    Returns:
        Means, L_dis and R a class; distances are summed over D.

    Raises:
        KernelInputError: shapes or devices that do not belong together, an empty class, or the backend cannot run
            here.

    Source: GSDD paper, Eq. 7 (L_dis), 8 (R), 9 (their sum).
    """
    _check(features, counts)
    if not 0 <= lam <= 1:
        raise KernelInputError(f"matching: lam: got {lam}, wanted a number in [0, 1]")
    _check_partner("real means", real_means, (len(counts), features.shape[1]), features)
    real_means = real_means.to(sum_dtype(features.dtype))
    if pair_features is not None and features.ndim == 2 and pair_features.dtype != features.dtype:
        common = sum_dtype(torch.promote_types(features.dtype, pair_features.dtype))
        features, pair_features = features.to(common), pair_features.to(common)
    rows = None if pair_features is None else _rows(pair_features, features, backend)
    means, distribution, pairs, _ = matching_ops.matching(features, real_means, rows, list(counts), backend)
    return Matching(distribution, pairs, lam, means)


def _rows(pair_features: Tensor, features: Tensor, backend: Backend) -> Tensor:
    if features.ndim == 4 and pair_features.shape == features.shape:
        pair_features = class_means(pair_features, (1,) * len(pair_features), backend=backend)
    _check_partner("pairs", pair_features, (features.shape[0], features.shape[1]), features)
    return pair_features.to(sum_dtype(features.dtype)) if features.ndim == 4 else pair_features


def _check(features: Tensor, counts: tuple[int, ...]) -> None:
    if features.ndim not in (2, 4) or not features.is_floating_point() or not features.numel():
        raise KernelInputError(
            f"features: got {features.dtype} {tuple(features.shape)}, wanted floating [N, D] or [N, C, H, W], not empty"
        )
    if sum(counts) != features.shape[0] or min(counts, default=0) < 1:
        raise KernelInputError(
            f"class counts: got {counts} for {features.shape[0]} rows, wanted counts of at least 1 that sum to it; "
            "leave out a class without rows"
        )


def _check_partner(name: str, partner: Tensor, shape: tuple[int, int], features: Tensor) -> None:
    if partner.shape != shape or not partner.is_floating_point():
        raise KernelInputError(f"matching: got {name} {partner.dtype} {tuple(partner.shape)}, wanted floating {shape}")
    if partner.device != features.device:
        raise KernelInputError(f"matching: got {name} on {partner.device}, wanted them on {features.device}")
