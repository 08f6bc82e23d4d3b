"""`gsdd::class_means` and `gsdd::matching` as torch sees them: implementations, fake tensors and gradients."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gsdd.kernels.backend import choose
from gsdd.kernels.matching_layout import FeatureLayout, sum_dtype
from gsdd.kernels.matching_reference import (
    class_means_backward_reference,
    class_means_reference,
    matching_backward_reference,
    matching_reference,
)

Terms = tuple[Tensor, Tensor, Tensor, Tensor]


@torch.library.custom_op("gsdd::class_means", mutates_args=())
def class_means(features: Tensor, counts: Sequence[int], backend: str) -> Tensor:
    """Average the features of each class; `gsdd.kernels.matching.class_means` checks its arguments first."""
    if choose(backend, features) == "reference":
        return class_means_reference(features, counts)
    from gsdd.kernels.matching_triton import forward

    result, launches = forward(features, counts)
    for launch in launches:
        launch.run()
    return result.means


@class_means.register_fake
def _(features: Tensor, counts: Sequence[int], backend: str) -> Tensor:
    return features.new_empty(len(counts), features.shape[1], dtype=sum_dtype(features.dtype))


@torch.library.custom_op("gsdd::class_means_backward", mutates_args=())
def class_means_backward(
    gradient: Tensor, counts: Sequence[int], shape: Sequence[int], dtype: torch.dtype, channels_last: bool, backend: str
) -> Tensor:
    """Hand the gradient of the means back to features of this shape, dtype and memory format."""
    layout = FeatureLayout(tuple(shape), dtype, channels_last)
    if choose(backend, gradient) == "reference":
        return class_means_backward_reference(gradient, counts, layout)
    from gsdd.kernels.matching_backward_triton import Upstream, backward

    result, launch = backward(Upstream(gradient), None, counts, layout)
    launch.run()
    return result


@class_means_backward.register_fake
def _(
    gradient: Tensor, counts: Sequence[int], shape: Sequence[int], dtype: torch.dtype, channels_last: bool, backend: str
) -> Tensor:
    return FeatureLayout(tuple(shape), dtype, channels_last).empty(gradient.device)


@torch.library.custom_op("gsdd::matching", mutates_args=())
def matching(
    features: Tensor, real_means: Tensor, pair_features: Tensor | None, counts: Sequence[int], backend: str
) -> Terms:
    """Compute means, L_dis, R and pooled rows; `gsdd.kernels.matching.matching` checks its arguments first."""
    if choose(backend, features) == "reference":
        return matching_reference(features, real_means, pair_features, counts)
    from gsdd.kernels.matching_triton import forward

    result, launches = forward(features, counts, real_means, pair_features)
    for launch in launches:
        launch.run()
    return result.means, result.distribution, result.pairs, result.pooled


@matching.register_fake
def _(features: Tensor, real_means: Tensor, pair_features: Tensor | None, counts: Sequence[int], backend: str) -> Terms:
    classes, width = real_means.shape
    kept = features.shape[0] if features.ndim == 4 and pair_features is not None else 0
    shapes = (classes, width), (classes,), (classes,), (kept, width)
    means, distribution, pairs, pooled = (real_means.new_empty(shape) for shape in shapes)
    return means, distribution, pairs, pooled


@torch.library.custom_op("gsdd::matching_backward", mutates_args=())
def matching_backward(
    of_means: Tensor,
    of_distribution: Tensor,
    of_pairs: Tensor,
    means: Tensor,
    real_means: Tensor,
    rows: Tensor | None,
    pair_features: Tensor | None,
    counts: Sequence[int],
    shape: Sequence[int],
    dtype: torch.dtype,
    channels_last: bool,
    backend: str,
) -> Tensor:
    """Compute the gradient of features of this shape, dtype and memory format."""
    layout = FeatureLayout(tuple(shape), dtype, channels_last)
    pairing = None if rows is None or pair_features is None else (rows, pair_features)
    if choose(backend, means) == "reference":
        gradients = of_means, of_distribution, of_pairs
        return matching_backward_reference(gradients, means, real_means, pairing, counts, layout)
    from gsdd.kernels.matching_backward_triton import Upstream, backward

    upstream = Upstream(of_means, of_distribution, of_pairs, means, real_means)
    result, launch = backward(upstream, pairing, counts, layout)
    launch.run()
    return result


@matching_backward.register_fake
def _(
    of_means: Tensor,
    of_distribution: Tensor,
    of_pairs: Tensor,
    means: Tensor,
    real_means: Tensor,
    rows: Tensor | None,
    pair_features: Tensor | None,
    counts: Sequence[int],
    shape: Sequence[int],
    dtype: torch.dtype,
    channels_last: bool,
    backend: str,
) -> Tensor:
    return FeatureLayout(tuple(shape), dtype, channels_last).empty(means.device)


def _keep_layout(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    features, ctx.counts, ctx.backend = inputs
    ctx.layout = FeatureLayout.of(features)


def _means_gradient(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
    layout = ctx.layout
    like = layout.shape, layout.dtype, layout.channels_last
    return class_means_backward(gradient, ctx.counts, *like, ctx.backend), None, None


def _keep_terms(ctx: Any, inputs: tuple[Any, ...], output: Terms) -> None:
    features, real_means, pair_features, ctx.counts, ctx.backend = inputs
    means, _, _, pooled = output
    rows = None if pair_features is None else (features if features.ndim == 2 else pooled)
    ctx.save_for_backward(means, real_means, rows, pair_features)
    ctx.layout = FeatureLayout.of(features)
    ctx.mark_non_differentiable(pooled)


def _terms_gradient(
    ctx: Any, of_means: Tensor, of_distribution: Tensor, of_pairs: Tensor, _: Tensor
) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
    means, real_means, rows, pair_features = ctx.saved_tensors
    needs_features, needs_real, needs_pairs, *_ = ctx.needs_input_grad
    matched = means, real_means
    features = real = pairs = None
    if needs_features:
        upstream = of_means, of_distribution, of_pairs
        features = _features_gradient(ctx, upstream, matched, rows, pair_features, ctx.layout)
    if needs_real:
        real = (real_means - means) * (2 * of_distribution)[:, None]
    if needs_pairs:
        # R is symmetric, and pairs move nothing else.
        upstream = torch.zeros_like(of_means), torch.zeros_like(of_distribution), of_pairs
        pairs = _features_gradient(ctx, upstream, matched, pair_features, rows, FeatureLayout.of(pair_features))
    return features, real, pairs, None, None


def _features_gradient(
    ctx: Any,
    upstream: tuple[Tensor, Tensor, Tensor],
    matched: tuple[Tensor, Tensor],
    rows: Tensor | None,
    partners: Tensor | None,
    layout: FeatureLayout,
) -> Tensor:
    like = layout.shape, layout.dtype, layout.channels_last
    gradient: Tensor = matching_backward(*upstream, *matched, rows, partners, ctx.counts, *like, ctx.backend)
    return gradient


class_means.register_autograd(_means_gradient, setup_context=_keep_layout)
matching.register_autograd(_terms_gradient, setup_context=_keep_terms)
