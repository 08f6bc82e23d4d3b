"""Gradient of class means, L_dis and R as Triton kernels: one launch, every element of the gradient stored once."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from gsdd.kernels.backend import interpreted
from gsdd.kernels.launch import Launch
from gsdd.kernels.matching.layout import PIECE_ROWS, FeatureLayout, runs
from gsdd.kernels.matching.terms import Compared
from gsdd.kernels.matching.triton import (
    COLUMNS,
    SHIPPED_COLUMNS,
    SHIPPED_ROWS,
    image_tiling,
    load_rows,
    row_arguments,
    shipped_inputs,
)
from gsdd.kernels.triton_rounding import rounded


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


def backward(
    of_means: Tensor,
    compared: Compared | None,
    pairing: tuple[Tensor, Tensor] | None,
    counts: Sequence[int],
    layout: FeatureLayout,
) -> tuple[Tensor, Launch]:
    """Allocate the gradient of the features and say which launch fills it.

    Args:
        of_means: gradient of the means, fp32 `[C, D]`.
        compared: what real means add to it, fp32; None if there are none.
        pairing: rows `[N, D]` (of features `[N, C, H, W]` the pooled ones) and the partner of each, `[N, D]`.
        counts: rows of each class.
        layout: of the features.

    Returns:
        Gradient in that layout, and the launch.
    """
    gradient, cut = layout.empty(of_means.device), runs(counts, of_means.device)
    images = gradient.ndim == 4
    tiling = image_tiling(gradient) if images else {"ROWS": PIECE_ROWS, "COLUMNS": COLUMNS}
    grid = (len(cut.pieces), triton.cdiv(gradient.shape[1], tiling["COLUMNS"]))
    flags = {"MATCHED": compared is not None, "PAIRED": pairing is not None, "INTERPRETED": interpreted()}
    rows, pairs = pairing or (None, None)
    arguments = {
        "of_means": of_means.contiguous(),
        **{name: None if compared is None else getattr(compared, name).contiguous() for name in Compared._fields},
        **(_images(gradient, rows) if images else {"gradient": gradient, **row_arguments("feature", rows)}),
        **row_arguments("pair", pairs),
        "pieces": cut.pieces,
        "classes": cut.classes,
        "width": gradient.shape[1],
    }
    return gradient, Launch(spread_pooled_rows if images else spread_rows, grid, arguments, flags | tiling)


def _images(gradient: Tensor, rows: Tensor | None) -> dict[str, Any]:
    flat = gradient.flatten(2)
    steps = {"gradient_step": flat.stride(1), "pixel_step": flat.stride(2), "pixels": flat.shape[2]}
    return {"gradient": gradient, "pooled": None if rows is None else rows.contiguous(), **steps}


def shipped() -> Iterator[tuple[str, Launch]]:
    """Yield a name and a launch for every dtype and configuration that ships."""
    counts = (SHIPPED_ROWS // 4,) * 4
    of_means, of_class = torch.empty(4, SHIPPED_COLUMNS, device="meta"), torch.empty(4, device="meta")
    compared = Compared(of_class, of_class, of_means, of_means)
    for name, features, pairs in shipped_inputs():
        rows = features if features.ndim == 2 else torch.empty(SHIPPED_ROWS, SHIPPED_COLUMNS, device="meta")
        pairing = None if pairs is None else (rows, pairs)
        layout = FeatureLayout.of(features)
        yield f"matching backward, {name}", backward(of_means, compared, pairing, counts, layout)[1]
        if pairs is None:
            yield f"class_means backward, {name}", backward(of_means, None, None, counts, layout)[1]
