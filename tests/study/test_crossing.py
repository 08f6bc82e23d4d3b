"""Where a curve over bytes comes to a level: against numpy's interpolation, and by cases worked out by hand."""

import math

import numpy as np
import pytest

from gsdd.study.crossing import crossing, crossings
from gsdd.study.statistics import Difference

SIZES = (8000, 32000, 128000, 512000)


@pytest.mark.parametrize(("sign", "better"), [(1, "higher"), (-1, "lower")])
def test_the_crossing_is_where_numpy_finds_the_level_over_the_logarithm(sign, better):
    values = (-0.31, -0.12, 0.02, 0.05)
    found = crossing([(size, sign * value) for size, value in zip(SIZES, values, strict=True)], sign * -0.05, better)
    wanted = np.exp(np.interp(-0.05, values, np.log(SIZES)))
    assert found.bytes == pytest.approx(wanted) and 32000 < found.bytes < 128000
    assert found.plus(0) == f"{round(wanted):,}"
    assert found.plus(1_000_000) == f"{round(wanted) + 1_000_000:,}"


def test_points_may_come_in_any_order_and_only_the_first_crossing_counts():
    points = [(512000, 0.3), (8000, -0.2), (128000, -0.1), (32000, 0.2)]
    assert crossing(points, 0.0, "higher").bytes == pytest.approx(math.sqrt(8000 * 32000))


def test_a_curve_that_begins_good_or_never_gets_there_is_told_so():
    assert crossing([(8000, 0.1), (32000, 0.2)], 0.0, "higher").plus(5) == "<= 8,005"
    assert crossing([(8000, -0.3), (32000, -0.2)], 0.0, "higher").plus(5) == "> 32,005"
    assert crossing([(8000, math.nan)], 0.0, "higher").plus(5) == "-"
    assert crossing([], 0.0, "lower").plus(5) == "-"


def test_the_interval_goes_from_where_its_better_end_touches_to_where_its_worse_end_does():
    found = [
        (8000, Difference(3, -0.3, -0.4, -0.2, "worse")),
        (32000, Difference(3, -0.1, -0.2, 0.0, "not significant")),
        (128000, Difference(3, 0.1, 0.0, 0.2, "not significant")),
    ]
    middle, touching, surely = (each.bytes for each in crossings(found, -0.05, "higher"))
    assert touching < middle < surely
    assert touching == pytest.approx(np.exp(np.interp(-0.05, (-0.2, 0.0), np.log(SIZES[:2]))))
    mirrored = [(size, Difference(3, -d.mean, -d.high, -d.low, d.verdict)) for size, d in found]
    assert [each.bytes for each in crossings(mirrored, 0.05, "lower")] == pytest.approx([middle, touching, surely])


def test_one_seed_has_no_interval():
    found = [
        (size, Difference(1, value, math.nan, math.nan, "too few")) for size, value in ((8000, -1.0), (32000, 1.0))
    ]
    assert [each.plus(0) for each in crossings(found, 0.0, "higher")] == ["16,000", "-", "-"]
