"""Bytes at which a student is as good as with all crops: where a curve of differences crosses a level."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gsdd.study.report import NOTHING
from gsdd.study.statistics import Better, Difference

Point = tuple[int, float]


@dataclass(frozen=True)
class Crossing:
    """Where a curve over bytes comes to a level, between two sizes that were measured.

    Attributes:
        bytes: NaN where the curve stays on the worse side, or was measured nowhere.
        at_most: whether already the smallest size is on the better side: then `bytes` is that size.
        beyond: the largest size that was measured; 0 where none was.
    """

    bytes: float
    at_most: bool = False
    beyond: int = 0

    def plus(self, more: int) -> str:
        """Spell the bytes, with others added, such as those of a generator."""
        if not self.beyond:
            return NOTHING
        if math.isnan(self.bytes):
            return f"> {self.beyond + more:,}"
        return f"{'<= ' if self.at_most else ''}{round(self.bytes) + more:,}"


def crossing(points: Sequence[Point], level: float, better: Better) -> Crossing:
    """Find the first size from which a curve is on the better side of a level.

    Args:
        points: (bytes, value), of any order; between two of them the curve is a line over the logarithm of the bytes.
        level: that the value is to reach.
        better: which values are.

    Returns:
        The size.
    """
    sign = 1.0 if better == "higher" else -1.0
    curve = sorted((size, sign * (value - level)) for size, value in points if not math.isnan(value))
    if not curve:
        return Crossing(math.nan)
    if curve[0][1] >= 0:
        return Crossing(curve[0][0], at_most=True, beyond=curve[-1][0])
    for (size, below), (larger, above) in pairwise(curve):
        if above >= 0:
            share = -below / (above - below)
            return Crossing(math.exp(_between(math.log(size), math.log(larger), share)), beyond=curve[-1][0])
    return Crossing(math.nan, beyond=curve[-1][0])


def crossings(found: Sequence[tuple[int, Difference]], level: float, better: Better) -> tuple[Crossing, ...]:
    """Find where the mean difference crosses a level, and where the better and the worse end of its interval do.

    Args:
        found: a difference to all crops for each number of bytes.
        level: likewise.
        better: likewise.

    Returns:
        Three sizes: of the mean, of the better end (the interval touches the level), of the worse end.
    """
    ends = ("high", "low") if better == "higher" else ("low", "high")
    curves = [[(size, float(getattr(each, name))) for size, each in found] for name in ("mean", *ends)]
    return tuple(crossing(curve, level, better) for curve in curves)


def _between(low: float, high: float, share: float) -> float:
    return low + share * (high - low)
