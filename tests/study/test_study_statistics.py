"""Intervals of paired differences, by hand and by scipy."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from gsdd.errors import RecipeError
from gsdd.study.statistics import by_group, paired_difference

OURS = [26.41, 26.38, 26.44, 26.36, 26.40]
THEIRS = [26.33, 26.36, 26.35, 26.31, 26.37]


def test_the_interval_is_scipys_and_that_of_a_table_of_t():
    found = paired_difference(OURS, THEIRS, "higher")
    expected = ttest_rel(OURS, THEIRS).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    gaps = np.subtract(OURS, THEIRS)
    half = 2.776445 * gaps.std(ddof=1) / math.sqrt(5)  # t(0.975) of 4 degrees of freedom
    assert (found.low, found.high) == pytest.approx((gaps.mean() - half, gaps.mean() + half), abs=1e-7)
    assert found.mean == pytest.approx(gaps.mean()) and found.pairs == 5


def test_verdicts_follow_the_interval_and_what_is_better():
    assert paired_difference(OURS, THEIRS, "higher").verdict == "better"
    assert paired_difference(OURS, THEIRS, "lower").verdict == "worse"
    assert paired_difference(THEIRS, OURS, "higher").verdict == "worse"
    assert paired_difference(THEIRS, OURS, "lower").verdict == "better"
    assert paired_difference(OURS, [*OURS[1:], OURS[0]], "higher").verdict == "not significant"
    assert paired_difference(OURS, OURS, "higher").verdict == "not significant"


def test_one_pair_has_no_interval():
    found = paired_difference([1.0], [0.5], "higher")
    assert (found.mean, found.verdict) == (0.5, "too few") and math.isnan(found.low)
    assert paired_difference([], [], "higher").pairs == 0


def test_values_without_a_partner_are_refused():
    with pytest.raises(RecipeError, match="5 and 4"):
        paired_difference(OURS, THEIRS[1:], "higher")


def test_groups_are_means_over_the_pairs_that_both_have():
    ours = {(0, 0): 1.0, (0, 1): 2.0, (1, 0): 5.0}
    theirs = {(0, 0): 0.0, (0, 1): 0.0, (1, 0): 4.0, (1, 1): 9.0}
    assert by_group(ours, theirs) == {0: 1.5, 1: 1.0}
