"""Whole classes dealt to parts: every class once, balanced, the same for the same counts."""

from itertools import product

import numpy as np
import pytest

from gsdd.data.parts import Part, deal_classes, parse_part
from gsdd.errors import RecipeError

RANDOM = np.random.default_rng(0)
CASES = [(RANDOM.integers(1, 200, classes).tolist(), parts) for classes in (1, 2, 5, 7) for parts in range(1, 4)]
CASES = [(counts, parts) for counts, parts in CASES if parts <= len(counts)]


def largest(counts, parts, owners):
    return max(sum(n for n, owner in zip(counts, owners, strict=True) if owner == part) for part in range(parts))


@pytest.mark.parametrize(("counts", "parts"), CASES)
def test_every_class_is_dealt_once_and_no_part_is_far_from_the_best_deal(counts, parts):
    dealt = deal_classes(counts, parts)
    assert sorted(number for part in dealt for number in part) == list(range(len(counts)))
    assert all(part == tuple(sorted(part)) and part for part in dealt)
    best = min(largest(counts, parts, owners) for owners in product(range(parts), repeat=len(counts)))
    assert max(sum(counts[number] for number in part) for part in dealt) <= best * 4 / 3


def test_equal_classes_go_round():
    assert deal_classes([5] * 7, 3) == ((0, 3, 6), (1, 4), (2, 5))


def test_more_parts_than_classes_are_refused():
    with pytest.raises(RecipeError, match="got 4 parts for 3 classes"):
        deal_classes([1, 1, 1], 4)


def test_a_part_is_read_as_it_is_written():
    assert parse_part(" 2/3 ") == Part(2, 3)
    assert str(Part(2, 3)) == "2/3"


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "1/0", "-1/3", "a/b", "1/3/5", "1.0/3", "٣/٣"])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(RecipeError, match="wanted i/n with i from 1 to n"):
        parse_part(text)
