"""Which view of a pair a visit sees."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from gsdd.pairs.draws import View, ViewDraws, permuted

IMAGE = np.arange(3 * 8 * 8, dtype=np.uint8).reshape(3, 8, 8)


def chi_squared(counts: Counter, cells: int) -> float:
    """Per degree of freedom; about 1 for uniform draws."""
    expected = Fraction(sum(counts.values()), cells)
    missing = (cells - len(counts)) * expected
    return float((sum((n - expected) ** 2 / expected for n in counts.values()) + missing) / (cells - 1))


@pytest.mark.parametrize(
    ("view", "wanted"),
    [
        (View(0, 0, False, False, False), IMAGE[:, :4, :4]),
        (View(3, 1, False, False, False), IMAGE[:, 3:7, 1:5]),
        (View(0, 0, True, False, False), np.flip(IMAGE[:, :4, :4], 2)),
        (View(0, 0, False, True, False), np.flip(IMAGE[:, :4, :4], 1)),
        (View(0, 0, False, False, True), np.transpose(IMAGE[:, :4, :4], (0, 2, 1))),
        (View(0, 0, True, True, False), np.rot90(IMAGE[:, :4, :4], 2, (1, 2))),
        (View(0, 0, False, True, True), np.rot90(IMAGE[:, :4, :4], -1, (1, 2))),
        (View(0, 0, True, False, True), np.rot90(IMAGE[:, :4, :4], 1, (1, 2))),
    ],
)
def test_a_view_is_a_crop_mirrored_and_then_transposed(view, wanted):
    assert np.array_equal(view.of(IMAGE, 4, 1), wanted)


def test_the_view_of_hr_is_aligned_with_that_of_lr():
    lr, view = IMAGE, View(2, 1, True, False, True)
    hr = lr.repeat(4, axis=1).repeat(4, axis=2)
    assert np.array_equal(view.of(hr, 4, 4), view.of(lr, 4, 1).repeat(4, axis=1).repeat(4, axis=2))


@pytest.mark.parametrize(
    ("draws", "views"),
    [
        (ViewDraws(0, 32, 24, True, True), 9 * 9 * 8),
        (ViewDraws(0, 32, 24, True, False), 9 * 9 * 2),
        (ViewDraws(0, 32, 24, False, True), 9 * 9 * 4),
        (ViewDraws(0, 8, 8, False, False), 1),
    ],
)
def test_every_view_comes_once_before_any_comes_again(draws, views):
    assert draws.views == views
    first, second = ([draws.draw(3, visit) for visit in range(start, start + views)] for start in (0, views))
    assert len(set(first)) == views
    assert set(first) == set(second)
    assert first != second or views == 1


def test_views_differ_by_pair_and_by_seed_and_are_the_same_again():
    def seen(seed, pair):
        draws = ViewDraws(seed, 32, 24, True, True)
        return [draws.draw(pair, visit) for visit in range(20)]

    assert seen(0, 3) == seen(0, 3)
    assert seen(0, 3) != seen(0, 4)
    assert seen(0, 3) != seen(1, 3)


def test_the_first_view_of_a_pair_is_uniform():
    draws = ViewDraws(5, 16, 12, True, True)
    counts = Counter(draws.draw(pair, 0) for pair in range(40 * draws.views))
    assert chi_squared(counts, draws.views) < 1.5


@pytest.mark.parametrize("size", [2, 5, 24, 81])
def test_a_permutation_sends_any_two_numbers_anywhere(size):
    cells = size * (size - 1)
    keys = np.random.default_rng(1).integers(2**63, size=max(2000, 10 * cells)).tolist()
    counts = Counter((permuted(0, size, key), permuted(1, size, key)) for key in keys)
    assert chi_squared(counts, cells) < 3


@pytest.mark.parametrize("size", [1, 2, 3, 4, 17, 648, 10_000])
def test_a_permutation_is_one(size):
    assert sorted(permuted(number, size, 2**64 - 1) for number in range(size)) == list(range(size))
