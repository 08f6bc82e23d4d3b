"""Distribution matching of whole batches of features: class means, L_dis, R and Eq. 9."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.backend import Backend, choose
from gsdd.kernels.matching.layout import FeatureLayout
from gsdd.kernels.matching.reference import matching_backward_reference, matching_reference
from gsdd.kernels.matching.terms import Compared, Terms, empty_terms, sum_dtype


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
    means: Tensor = _matching(features, None, None, list(counts), backend)[0]
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
    means, distribution, pairs, _ = _matching(features, real_means, rows, list(counts), backend)
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


@torch.library.custom_op("gsdd::matching", mutates_args=())
def _matching(
    features: Tensor, real_means: Tensor | None, pair_features: Tensor | None, counts: Sequence[int], backend: str
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    if choose(backend, features) == "reference":
        return matching_reference(features, real_means, pair_features, counts)
    from gsdd.kernels.matching.triton import forward

    terms, launches = forward(features, counts, real_means, pair_features)
    for launch in launches:
        launch.run()
    return terms


@_matching.register_fake
def _(
    features: Tensor, real_means: Tensor | None, pair_features: Tensor | None, counts: Sequence[int], backend: str
) -> Terms:
    return empty_terms(features, len(counts), matched=real_means is not None, paired=pair_features is not None)


@torch.library.custom_op("gsdd::matching_backward", mutates_args=())
def _matching_backward(
    of_means: Tensor,
    of_distribution: Tensor,
    of_pairs: Tensor,
    means: Tensor | None,
    real_means: Tensor | None,
    rows: Tensor | None,
    pair_features: Tensor | None,
    counts: Sequence[int],
    shape: Sequence[int],
    dtype: torch.dtype,
    channels_last: bool,
    backend: str,
) -> Tensor:
    layout = FeatureLayout(tuple(shape), dtype, channels_last)
    compared = None
    if means is not None and real_means is not None:
        compared = Compared(of_distribution, of_pairs, means, real_means)
    pairing = None if rows is None or pair_features is None else (rows, pair_features)
    if choose(backend, of_means) == "reference":
        return matching_backward_reference(of_means, compared, pairing, counts, layout)
    from gsdd.kernels.matching.triton_backward import backward

    gradient, launch = backward(of_means, compared, pairing, counts, layout)
    launch.run()
    return gradient


@_matching_backward.register_fake
def _(of_means: Tensor, *rest: Any) -> Tensor:
    *_, shape, dtype, channels_last, _ = rest
    return FeatureLayout(tuple(shape), dtype, channels_last).empty(of_means.device)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    features, real_means, pair_features, ctx.counts, ctx.backend = inputs
    terms = Terms(*output)
    rows = None if pair_features is None else (features if features.ndim == 2 else terms.pooled)
    ctx.save_for_backward(None if real_means is None else terms.means, real_means, rows, pair_features)
    ctx.layout = FeatureLayout.of(features)
    ctx.mark_non_differentiable(terms.pooled)


def _backward(
    ctx: Any, of_means: Tensor, of_distribution: Tensor, of_pairs: Tensor, _: Tensor
) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
    means, real_means, rows, pair_features = ctx.saved_tensors
    needs_features, needs_real, needs_pairs, *_ = ctx.needs_input_grad
    matched = of_pairs, means, real_means

    def gradient(
        upstream: tuple[Tensor, Tensor], rows: Tensor | None, partners: Tensor | None, of: FeatureLayout
    ) -> Tensor:
        like = ctx.counts, of.shape, of.dtype, of.channels_last
        result: Tensor = _matching_backward(*upstream, *matched, rows, partners, *like, ctx.backend)
        return result

    features = real = pairs = None
    if needs_features:
        features = gradient((of_means, of_distribution), rows, pair_features, ctx.layout)
    if needs_real:
        real = (real_means - means) * (2 * of_distribution)[:, None]
    if needs_pairs:
        # R is symmetric, and pairs move nothing else.
        nothing = torch.zeros_like(of_means), torch.zeros_like(of_distribution)
        pairs = gradient(nothing, pair_features, rows, FeatureLayout.of(pair_features))
    return features, real, pairs, None, None


_matching.register_autograd(_backward, setup_context=_keep)
