"""Which table of probabilities a coefficient has: photos have less the higher the frequency, by a power law."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gsdd.formats.cosines import BLOCK
from gsdd.formats.entropy import LOWEST, TABLES, cost

# A channel's byte: five bits of level, the table at frequency 0, and three of slope.
LEVELS, SLOPES = 32, 8
_STEEPER = 2


@cache
def octaves() -> NDArray[np.int64]:
    """Compute 16 log2(1 + 2 f) of each frequency f = sqrt(v^2 + u^2), rounded, `[8, 8]`."""
    frequency = np.hypot(*np.indices((BLOCK, BLOCK)))
    whole: NDArray[np.int64] = np.rint(16 * np.log2(1 + 2 * frequency)).astype(np.int64)
    return whole


@cache
def _numbers() -> NDArray[np.uint8]:
    """Compute the tables of every head, `[256, 8, 8]`."""
    heads = np.arange(LEVELS * SLOPES)[:, None, None]
    fallen = ((heads // LEVELS + _STEEPER) * octaves() + 16) // 32
    return (heads % LEVELS - fallen).clip(0, TABLES - 1).astype(np.uint8)


@cache
def _chosen() -> NDArray[np.float32]:
    """Mark the table that each frequency has with each head, `[8 * 8 * tables, 256]`."""
    marks = _numbers()[..., None] == np.arange(TABLES)
    chosen: NDArray[np.float32] = marks.reshape(LEVELS * SLOPES, -1).T.astype(np.float32)
    return chosen


def tables_of(heads: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tell the tables of coefficients.

    Args:
        heads: level + 32 * slope, `[..., 3]`.

    Returns:
        clip(level - (slope + 2)/2 * log2(1 + 2 f)), `[..., 3, 8, 8]`.
    """
    return _numbers()[heads]


def fitting(codes: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Choose the heads that take fewest bits.

    Args:
        codes: `[N, 3, 8, 8, blocks]`.

    Returns:
        Heads, `[N, 3]`.
    """
    # Products of one shape: sums of another may be rounded otherwise, and no latent shall depend on the others.
    bits_of_heads = [each.reshape(len(each), -1) @ _chosen() for each in _bits_by_table(codes)]
    heads: NDArray[np.uint8] = np.stack(bits_of_heads).argmin(-1).astype(np.uint8)
    return heads


def bits(codes: NDArray[np.int16], heads: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Compute what codes take with their heads, `[N]`."""
    chosen = np.take_along_axis(_bits_by_table(codes), tables_of(heads)[..., None].astype(np.int64), -1)
    total: NDArray[np.float64] = chosen.sum((1, 2, 3, 4), dtype=np.float64)
    return total


def bits_of(codes: NDArray[np.float64], tables: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Look up what each code takes with its table; arrays are broadcast."""
    return cost()[tables, codes.astype(np.int64) - LOWEST]


def _bits_by_table(codes: NDArray[np.int16]) -> NDArray[np.float32]:
    """Compute what all blocks' codes of a frequency take with each table, `[N, 3, 8, 8, tables]`."""
    return np.stack([_of_code()[each.astype(np.int64) - LOWEST].sum(3) for each in codes])


@cache
def _of_code() -> NDArray[np.float32]:
    return np.ascontiguousarray(cost().T.astype(np.float32))
