"""Draws of omega have the ranges and odds of the public DSA code (distillation notes, section 3.2)."""

import math
from collections import Counter

import numpy as np
import pytest

from gsdd.distill.omega import Dsa
from gsdd.errors import RecipeError
from gsdd.kernels.augmentation import OPS, STRATEGIES, Column, op_bits
from gsdd.randomness import numpy_stream
from gsdd.recipe import Augmentation

ALL = Dsa.from_recipe(Augmentation())


def draws(dsa: Dsa, count: int, height: int = 33, width: int = 64):
    return [dsa.draw(numpy_stream(0, "omega", k), height, width) for k in range(count)]


def column(dsa: Dsa, name: Column, count: int = 2000, **size) -> np.ndarray:
    return np.array([float(row.values[0, name]) for row in draws(dsa, count, **size)])


def test_one_strategy_is_picked_with_equal_odds_and_a_picked_flip_flips_half_the_time():
    picked = Counter(int(row.ops[0]) for row in draws(ALL, 6000))
    odds = {strategy: picked[op_bits(ops)] / 6000 for strategy, ops in STRATEGIES.items()}
    assert odds.pop("flip") == pytest.approx(1 / 12, abs=0.015)
    assert picked[0] / 6000 == pytest.approx(1 / 12, abs=0.015)
    assert all(value == pytest.approx(1 / 6, abs=0.02) for value in odds.values())


@pytest.mark.parametrize(
    ("strategy", "name", "low", "high"),
    [
        ("color", Column.BRIGHTNESS, -0.5, 0.5),
        ("color", Column.SATURATION, 0.0, 2.0),
        ("color", Column.CONTRAST, 0.5, 1.5),
        ("scale", Column.SCALE_X, 1 / 1.2, 1.2),
        ("scale", Column.SCALE_Y, 1 / 1.2, 1.2),
        ("rotate", Column.ANGLE, -math.radians(15), math.radians(15)),
    ],
)
def test_continuous_parameters_are_uniform_in_their_range(strategy, name, low, high):
    values = column(Dsa((strategy,)), name)
    assert low <= values.min() < low + 0.02 * (high - low)
    assert high - 0.02 * (high - low) < values.max() <= high
    assert values.mean() == pytest.approx((low + high) / 2, abs=0.03 * (high - low))
    assert values.var() == pytest.approx((high - low) ** 2 / 12, rel=0.1)


def test_crop_shifts_are_whole_numbers_with_both_ends_included():
    assert set(column(Dsa(("crop",)), Column.SHIFT_ROWS)) == set(range(-4, 5))
    assert set(column(Dsa(("crop",)), Column.SHIFT_COLUMNS)) == set(range(-8, 9))


def test_cutout_is_half_the_side_around_a_centre_that_may_lie_one_past_an_even_hole():
    dsa = Dsa(("cutout",))
    left, right = column(dsa, Column.CUT_LEFT), column(dsa, Column.CUT_RIGHT)
    wanted = {(max(o - 16, 0), min(o - 16 + 32, 64)) for o in range(65)}
    assert set(zip(left, right, strict=True)) == wanted
    top, bottom = column(dsa, Column.CUT_TOP), column(dsa, Column.CUT_BOTTOM)
    assert set(zip(top, bottom, strict=True)) == {(max(o - 8, 0), min(o - 8 + 17, 33)) for o in range(33)}


def test_mode_multiple_sets_every_strategy_but_an_unlucky_flip():
    bits = {int(row.ops[0]) for row in draws(Dsa(tuple(STRATEGIES), "multiple"), 50)}
    assert bits == {op_bits(OPS), op_bits(name for name in OPS if name != "flip")}


def test_no_strategies_leave_images_alone():
    assert {int(row.ops[0]) for row in draws(Dsa.from_recipe(Augmentation(strategies="")), 5)} == {0}


@pytest.mark.parametrize("text", ["colour", "crop_crop", "crop-flip", "_", "scale_color"])
def test_unknown_strategies_are_refused(text):
    with pytest.raises(RecipeError, match="strategies"):
        Dsa.from_recipe(Augmentation(strategies=text))
