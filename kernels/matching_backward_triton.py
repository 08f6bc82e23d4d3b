"""Gradient of class means, L_dis and R as Triton kernels: one launch, every element of the gradient stored once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from gsdd.kernels.launch_triton import Launch, interpreted
from gsdd.kernels.matching_layout import PIECE_ROWS, FeatureLayout, runs
from gsdd.kernels.matching_triton import (
    COLUMNS,
    SHIPPED_COLUMNS,
    SHIPPED_ROWS,
    image_tiling,
    load_rows,
    pair_arguments,
    shipped_inputs,
)
from gsdd.kernels.rounding_triton import rounded


@triton.jit
def spread_rows(
    of_means, of_distribution, of_pairs, means, real_means, features, feature_stride, feature_step,
    pairs, pair_stride, pair_step, pieces, classes, gradient, width,
    MATCHED: tl.constexpr, PAIRED: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, INTERPRETED: tl.constexpr,
):  # fmt: skip
    """Compute the gradient of the rows of a piece."""
    piece = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    c = tl.load(pieces + piece * 3).to(tl.int64)
    start = tl.load(pieces + piece * 3 + 1).to(tl.int64)
    rows = tl.load(pieces + piece * 3 + 2)
    slope = _slope(of_means, of_distribution, means, real_means, c, column, width, MATCHED)
    share = tl.load(classes + c * 3 + 2).to(tl.float32)
    for first in range(0, rows, ROWS):
        row = first + tl.arange(0, ROWS)
        inside = (row < rows)[:, None] & (column < width)[None, :]
        at = (start + row)[:, None]
        value = tl.broadcast_to(slope[None, :], [ROWS, COLUMNS])
        if PAIRED:
            difference = load_rows(features, at, column, feature_stride, feature_step, inside)
            difference -= load_rows(pairs, at, column, pair_stride, pair_step, inside)
            value += difference * (2 * tl.load(of_pairs + c))
        value = rounded(tl.div_rn(value, share), gradient.dtype.element_ty, INTERPRETED)
        tl.store(gradient + at * width + column[None, :], value, mask=inside)


@triton.jit
def spread_pooled_rows(
    of_means, of_distribution, of_pairs, means, real_means, pooled, pairs, pair_stride, pair_step, pieces, classes,
    gradient, gradient_step, pixel_step, width, pixels,
    MATCHED: tl.constexpr, PAIRED: tl.constexpr, COLUMNS: tl.constexpr, PIXELS: tl.constexpr, INTERPRETED: tl.constexpr,
):  # fmt: skip
    """Compute the gradient of the images of a piece: all pixels of a channel get the same."""
    piece = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    c = tl.load(pieces + piece * 3).to(tl.int64)
    start = tl.load(pieces + piece * 3 + 1).to(tl.int64)
    slope = _slope(of_means, of_distribution, means, real_means, c, column, width, MATCHED)
    share = (tl.load(classes + c * 3 + 2).to(tl.int64) * pixels).to(tl.float32)
    rows = tl.load(pieces + piece * 3 + 2)
    for offset in range(rows):
        row = start + offset
        value = slope
        if PAIRED:
            difference = tl.load(pooled + row * width + column, mask=column < width, other=0.0)
            partner = tl.load(pairs + row * pair_stride + column * pair_step, mask=column < width, other=0.0)
            difference -= partner.to(tl.float32)
            value += difference * (2 * tl.load(of_pairs + c))
        value = rounded(tl.div_rn(value, share), gradient.dtype.element_ty, INTERPRETED)
        image = gradient + row * width * pixels
        for first in range(0, pixels, PIXELS):
            pixel = first + tl.arange(0, PIXELS)
            inside = (column < width)[:, None] & (pixel < pixels)[None, :]
            at = column[:, None] * gradient_step + pixel[None, :] * pixel_step
            tl.store(image + at, tl.broadcast_to(value[:, None], [COLUMNS, PIXELS]), mask=inside)


@triton.jit
def _slope(of_means, of_distribution, means, real_means, c, column, width, MATCHED: tl.constexpr):
    inside = column < width
    slope = tl.load(of_means + c * width + column, mask=inside, other=0.0)
    if MATCHED:
        mean = tl.load(means + c * width + column, mask=inside, other=0.0)
        real = tl.load(real_means + c * width + column, mask=inside, other=0.0)
        slope = (mean - real) * (2 * tl.load(of_distribution + c)) + slope
    return slope


@dataclass(frozen=True)
class Upstream:
    """Gradients that arrive, and what the slopes need, all fp32.

    Attributes:
        of_means: `[C, D]`.
        of_distribution: of L_dis, `[C]`; None after class_means.
        of_pairs: of R, `[C]`; None after class_means.
        means: `[C, D]`; None after class_means.
        real_means: `[C, D]`; None after class_means.
    """

    of_means: Tensor
    of_distribution: Tensor | None = None
    of_pairs: Tensor | None = None
    means: Tensor | None = None
    real_means: Tensor | None = None


def backward(
    upstream: Upstream, pairing: tuple[Tensor, Tensor] | None, counts: Sequence[int], layout: FeatureLayout
) -> tuple[Tensor, Launch]:
    """Allocate the gradient of the features and say which launch fills it.

    Args:
        upstream: gradients that arrive.
        pairing: rows `[N, D]` (of features `[N, C, H, W]` the pooled ones) and the partner of each, `[N, D]`.
        counts: rows of each class.
        layout: of the features.

    Returns:
        Gradient in that layout, and the launch.
    """
    device = upstream.of_means.device
    gradient = layout.empty(device)
    cut = runs(counts, device)
    images = gradient.ndim == 4
    tiling = image_tiling(gradient) if images else {"ROWS": PIECE_ROWS, "COLUMNS": COLUMNS}
    grid = (len(cut.pieces), triton.cdiv(gradient.shape[1], tiling["COLUMNS"]))
    flags = {"MATCHED": upstream.means is not None, "PAIRED": pairing is not None, "INTERPRETED": interpreted()}
    arguments = {
        **{name: _contiguous(value) for name, value in vars(upstream).items()},
        **pair_arguments(pairing[1] if pairing else None),
        **(_images(gradient, pairing) if images else _rows(gradient, pairing)),
        "pieces": cut.pieces,
        "classes": cut.classes,
        "width": gradient.shape[1],
    }
    return gradient, Launch(spread_pooled_rows if images else spread_rows, grid, arguments, flags | tiling)


def _contiguous(value: Tensor | None) -> Tensor | None:
    return None if value is None else value.contiguous()


def _rows(gradient: Tensor, pairing: tuple[Tensor, Tensor] | None) -> dict[str, Any]:
    if pairing is None:
        return {"gradient": gradient, "features": None, "feature_stride": 0, "feature_step": 0}
    features = pairing[0]
    strides = {"feature_stride": features.stride(0), "feature_step": features.stride(1)}
    return {"gradient": gradient, "features": features, **strides}


def _images(gradient: Tensor, pairing: tuple[Tensor, Tensor] | None) -> dict[str, Any]:
    flat = gradient.flatten(2)
    steps = {"gradient_step": flat.stride(1), "pixel_step": flat.stride(2), "pixels": flat.shape[2]}
    return {"gradient": gradient, "pooled": None if pairing is None else pairing[0].contiguous(), **steps}


def shipped() -> Iterator[tuple[str, Launch]]:
    """Yield a name and a launch for every dtype and configuration that ships."""
    counts = (SHIPPED_ROWS // 4,) * 4
    of_means, of_class = torch.empty(4, SHIPPED_COLUMNS, device="meta"), torch.empty(4, device="meta")
    upstream = Upstream(of_means, of_class, of_class, of_means, of_means)
    for name, features, pairs in shipped_inputs():
        rows = features if features.ndim == 2 else torch.empty(SHIPPED_ROWS, SHIPPED_COLUMNS, device="meta")
        pairing = None if pairs is None else (rows, pairs)
        layout = FeatureLayout.of(features)
        yield f"matching backward, {name}", backward(upstream, pairing, counts, layout)[1]
        if pairs is None:
            yield f"class_means backward, {name}", backward(Upstream(of_means), None, counts, layout)[1]
