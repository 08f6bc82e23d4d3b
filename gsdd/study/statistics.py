"""Paired differences: their mean, their 95 % interval, and what may be said of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from gsdd.errors import MissingExtraError, RecipeError

Better = Literal["higher", "lower"]
Verdict = Literal["better", "not significant", "worse", "too few"]
LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """A paired difference, ours minus theirs.

    Attributes:
        pairs: how many.
        mean: of the differences, in the metric's unit; NaN without pairs.
        low: lower end of the 95 % interval of the mean; NaN for fewer than two pairs.
        high: its upper end.
        verdict: "better" where the interval excludes 0 on our side, "worse" on theirs, else "not significant".
    """

    pairs: int
    mean: float
    low: float
    high: float
    verdict: Verdict


def paired_difference(ours: Sequence[float], theirs: Sequence[float], better: Better) -> Difference:
    """Compare two sources by values that belong together pair by pair.

    The interval is Student's t for n - 1 degrees of freedom: mean +- t(0.975) s / sqrt(n).

    Args:
        ours: a value a pair.
        theirs: as many, in the same order.
        better: which values are.

    Returns:
        The difference.

    Raises:
        RecipeError: there are not as many of theirs as of ours.
        MissingExtraError: scipy is not installed.

    Source: Student, "The probable error of a mean", Biometrika 6, 1908.
    """
    if len(ours) != len(theirs):
        raise RecipeError(f"a paired difference of {len(ours)} and {len(theirs)} values; wanted as many of each")
    gaps = [one - other for one, other in zip(ours, theirs, strict=True)]
    mean = math.fsum(gaps) / len(gaps) if gaps else math.nan
    if len(gaps) < 2:
        return Difference(len(gaps), mean, math.nan, math.nan, "too few")
    low, high = _interval(gaps)
    return Difference(len(gaps), mean, low, high, _verdict(low, high, better))


def by_group(ours: Mapping[tuple[int, int], float], theirs: Mapping[tuple[int, int], float]) -> dict[int, float]:
    """Average the paired differences of each distillation: pairs of one distillation are not independent.

    Args:
        ours: by (distillation, seed of the student).
        theirs: likewise; pairs are those that both have.

    Returns:
        The mean difference a distillation.
    """
    shared = sorted(ours.keys() & theirs.keys())
    groups = dict.fromkeys(group for group, _ in shared)
    gaps = {group: [ours[key] - theirs[key] for key in shared if key[0] == group] for group in groups}
    return {group: math.fsum(values) / len(values) for group, values in gaps.items()}


def _interval(gaps: Sequence[float]) -> tuple[float, float]:
    if find_spec("scipy") is None:
        raise MissingExtraError("intervals of differences need scipy; pip install scipy")
    if len(set(gaps)) == 1:
        return gaps[0], gaps[0]
    from scipy.stats import ttest_1samp

    interval = ttest_1samp(gaps, 0.0).confidence_interval(LEVEL)
    return float(interval.low), float(interval.high)


def _verdict(low: float, high: float, better: Better) -> Verdict:
    if low <= 0 <= high:
        return "not significant"
    return "better" if (low > 0) == (better == "higher") else "worse"
