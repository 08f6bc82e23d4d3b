"""Class means, L_dis and R as Triton kernels: two launches, no atomics, sums in one fixed order.

A program adds up one piece of a class (16 rows or more) for one block of columns; a second kernel adds the at most 64
pieces of a class and takes the distance to the real mean.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from gsdd.kernels.launch import Launch
from gsdd.kernels.matching.layout import PIECE_ROWS, PIECES_PER_CLASS, Runs, runs
from gsdd.kernels.matching.terms import Terms, empty_terms

COLUMNS = 128
FINISHING_COLUMNS = 64
SHIPPED_ROWS, SHIPPED_COLUMNS = 256, 512


@triton.jit
def sum_rows(
    features, feature_stride, feature_step, pairs, pair_stride, pair_step, pieces, sums, distances, width,
    PAIRED: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Add up the rows of a piece, and their squared distances to their partners."""
    piece, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    start = tl.load(pieces + piece * 3 + 1).to(tl.int64)
    rows = tl.load(pieces + piece * 3 + 2)
    column = block * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros([ROWS, COLUMNS], tl.float32)
    apart = tl.zeros([ROWS, COLUMNS], tl.float32)
    for first in range(0, rows, ROWS):
        row = first + tl.arange(0, ROWS)
        inside = (row < rows)[:, None] & (column < width)[None, :]
        at = (start + row)[:, None]
        value = load_rows(features, at, column, feature_stride, feature_step, inside)
        total += value
        if PAIRED:
            difference = value - load_rows(pairs, at, column, pair_stride, pair_step, inside)
            apart += difference * difference
    tl.store(sums + piece * width + column, tl.sum(total, axis=0), mask=column < width)
    if PAIRED:
        tl.store(distances + piece * tl.num_programs(1) + block, tl.sum(tl.sum(apart, axis=0), axis=0))


@triton.jit
def load_rows(pointer, at, column, stride, step, inside):
    return tl.load(pointer + at * stride + column[None, :] * step, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def sum_pooled_rows(
    features, feature_stride, feature_step, pixel_step, pairs, pair_stride, pair_step, pieces, sums, distances, pooled,
    width, pixels, PAIRED: tl.constexpr, COLUMNS: tl.constexpr, PIXELS: tl.constexpr,
):  # fmt: skip
    """Do the same for rows that are means over pixels; the gradient of R needs them, so they are kept."""
    piece, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    start = tl.load(pieces + piece * 3 + 1).to(tl.int64)
    column = block * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros([COLUMNS], tl.float32)
    apart = tl.zeros([COLUMNS], tl.float32)
    rows = tl.load(pieces + piece * 3 + 2)
    for offset in range(rows):
        row = start + offset
        image = features + row * feature_stride
        value = _sum_pixels(image, feature_step, pixel_step, column, width, pixels, COLUMNS, PIXELS)
        value = tl.div_rn(value, pixels * 1.0)
        total += value
        if PAIRED:
            tl.store(pooled + row * width + column, value, mask=column < width)
            partner = tl.load(pairs + row * pair_stride + column * pair_step, mask=column < width, other=0.0)
            difference = value - partner.to(tl.float32)
            apart += difference * difference
    tl.store(sums + piece * width + column, total, mask=column < width)
    if PAIRED:
        tl.store(distances + piece * tl.num_programs(1) + block, tl.sum(apart, axis=0))


@triton.jit
def _sum_pixels(
    image, feature_step, pixel_step, column, width, pixels, COLUMNS: tl.constexpr, PIXELS: tl.constexpr
):  # fmt: skip
    tile = tl.zeros([COLUMNS, PIXELS], tl.float32)
    for first in range(0, pixels, PIXELS):
        pixel = first + tl.arange(0, PIXELS)
        inside = (column < width)[:, None] & (pixel < pixels)[None, :]
        at = column[:, None] * feature_step + pixel[None, :] * pixel_step
        tile += tl.load(image + at, mask=inside, other=0.0).to(tl.float32)
    return tl.sum(tile, axis=1)


@triton.jit
def finish_classes(
    sums, distances, classes, real_means, means, distribution, regulariser, width, blocks,
    MATCHED: tl.constexpr, PAIRED: tl.constexpr, PIECES: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Add up the pieces of a class; L_dis is the squared distance of its mean to the real one, R the mean distance."""
    c = tl.program_id(0).to(tl.int64)
    first = tl.load(classes + c * 3).to(tl.int64)
    pieces = tl.load(classes + c * 3 + 1)
    rows = tl.load(classes + c * 3 + 2).to(tl.float32)
    piece = tl.arange(0, PIECES)
    apart = tl.zeros([COLUMNS], tl.float32)
    for start in range(0, width, COLUMNS):
        column = start + tl.arange(0, COLUMNS)
        inside = (piece < pieces)[:, None] & (column < width)[None, :]
        part = tl.load(sums + (first + piece)[:, None] * width + column[None, :], mask=inside, other=0.0)
        mean = tl.div_rn(tl.sum(part, axis=0), rows)
        tl.store(means + c * width + column, mean, mask=column < width)
        if MATCHED:
            real = tl.load(real_means + c * width + column, mask=column < width, other=0.0)
            apart += (mean - real) * (mean - real)
    if MATCHED:
        tl.store(distribution + c, tl.sum(apart, axis=0))
        distance = tl.zeros([COLUMNS], tl.float32)
        if PAIRED:
            distance = _sum_vector(distances + first * blocks, pieces * blocks, COLUMNS)
        tl.store(regulariser + c, tl.div_rn(tl.sum(distance, axis=0), rows))


@triton.jit
def _sum_vector(pointer, length, BLOCK: tl.constexpr):
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, length, BLOCK):
        at = start + tl.arange(0, BLOCK)
        total += tl.load(pointer + at, mask=at < length, other=0.0)
    return total


def forward(
    features: Tensor, counts: Sequence[int], real_means: Tensor | None = None, pair_features: Tensor | None = None
) -> tuple[Terms, list[Launch]]:
    """Allocate the terms and say which launches fill them.

    Args:
        features: `[N, D]` or `[N, C, H, W]`, fp32, bf16 or fp16, any strides.
        counts: rows of each class, all at least 1, summing to N.
        real_means: fp32 `[C, D]`; None computes the means only.
        pair_features: `[N, D]`, fp32, bf16 or fp16, any strides.

    Returns:
        Terms, and two launches in order.
    """
    cut = runs(counts, features.device)
    result = empty_terms(features, len(counts), matched=real_means is not None, paired=pair_features is not None)
    adding = _adding(features, pair_features, cut, result.pooled)
    return result, [adding, _finishing(adding, result, cut, real_means)]


def _adding(features: Tensor, pairs: Tensor | None, cut: Runs, pooled: Tensor) -> Launch:
    width = features.shape[1]
    tiling = image_tiling(features) if features.ndim == 4 else {"ROWS": PIECE_ROWS, "COLUMNS": COLUMNS}
    grid = (len(cut.pieces), triton.cdiv(width, tiling["COLUMNS"]))
    new = functools.partial(torch.empty, dtype=torch.float32, device=features.device)
    partial_sums = {"sums": new(grid[0], width), "distances": None if pairs is None else new(grid)}
    arguments = {"pieces": cut.pieces, "width": width, **partial_sums, **row_arguments("pair", pairs)}
    constants = {"PAIRED": pairs is not None, **tiling}
    if features.ndim == 4:
        return Launch(sum_pooled_rows, grid, {**arguments, **_images(features), "pooled": pooled}, constants)
    return Launch(sum_rows, grid, {**arguments, **row_arguments("feature", features)}, constants)


def _images(features: Tensor) -> dict[str, Any]:
    """Rows and columns of pixels become one axis, by a copy where no stride describes it."""
    flat = features.flatten(2)
    strides = dict(zip(("feature_stride", "feature_step", "pixel_step"), flat.stride(), strict=True))
    return {"features": flat, "pixels": flat.shape[2], **strides}


def _finishing(adding: Launch, result: Terms, cut: Runs, real_means: Tensor | None) -> Launch:
    arguments = {
        **{name: adding.arguments[name] for name in ("sums", "distances", "width")},
        "classes": cut.classes,
        "real_means": None if real_means is None else real_means.contiguous(),
        "means": result.means,
        "distribution": result.distribution,
        "regulariser": result.pairs,
        "blocks": adding.grid[1],
    }
    flags = {"MATCHED": real_means is not None, "PAIRED": adding.constants["PAIRED"]}
    tiling = {"PIECES": PIECES_PER_CLASS, "COLUMNS": FINISHING_COLUMNS}
    return Launch(finish_classes, (len(cut.classes),), arguments, flags | tiling)


def image_tiling(images: Tensor) -> dict[str, int]:
    """Return the block of channels and pixels, long in the direction in which memory runs."""
    last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return {"COLUMNS": 64, "PIXELS": 32} if last else {"COLUMNS": 32, "PIXELS": 64}


def row_arguments(name: str, rows: Tensor | None) -> dict[str, Any]:
    """Name what kernels take of rows of any strides, or of none."""
    stride, step = (0, 0) if rows is None else rows.stride()
    return {f"{name}s": rows, f"{name}_stride": stride, f"{name}_step": step}


def shipped_inputs() -> Iterator[tuple[str, Tensor, Tensor | None]]:
    """Yield a name, features and pairs of every dtype and layout that ships, without memory behind them."""
    names = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}
    for dtype, name in names.items():
        rows = torch.empty(SHIPPED_ROWS, SHIPPED_COLUMNS, dtype=dtype, device="meta")
        images = rows[:, :, None, None].expand(-1, -1, 16, 16)
        yield f"rows, {name}", rows, None
        yield f"rows, {name}, pairs {name}", rows, torch.empty_like(rows)
        for pairs, suffix in ((None, ""), (torch.empty_like(rows, dtype=torch.float32), ", pairs fp32")):
            yield f"NCHW, {name}{suffix}", images.contiguous(), pairs
            yield f"NHWC, {name}{suffix}", images.contiguous(memory_format=torch.channels_last), pairs


def shipped() -> Iterator[tuple[str, Launch]]:
    """Yield a name and a launch for every dtype and configuration that ships."""
    counts = (SHIPPED_ROWS // 4,) * 4
    for name, features, pairs in shipped_inputs():
        yield f"matching, {name}", forward(features, counts, None, pairs)[1][0]
    real, rows = (torch.empty(length, SHIPPED_COLUMNS, device="meta") for length in (4, SHIPPED_ROWS))
    for name, given in {"means": (None, None), "L_dis": (real, None), "L_dis and R": (real, rows)}.items():
        yield f"matching, finish {name}", forward(rows, counts, *given)[1][1]
