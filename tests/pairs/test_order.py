"""The order of an epoch, its split over ranks, and the place in it."""

import copy

import pytest

from gsdd.errors import RecipeError
from gsdd.pairs.order import Order, Place


def order(length=20, rank=0, world_size=1, *, shuffle=True, seed=0):
    return Order(length, seed, shuffle, rank, world_size)


def shares(place, world_size):
    return [order(20, rank, world_size).share(place).tolist() for rank in range(world_size)]


def together(place, world_size):
    """What all ranks take, step by step."""
    return [sample for step in zip(*shares(place, world_size), strict=True) for sample in step]


@pytest.mark.parametrize("world_size", [1, 2, 3, 7, 20])
def test_ranks_take_equal_parts_and_no_sample_twice(world_size):
    """A rank with fewer batches would let the others hang in the next collective."""
    assert {len(share) for share in shares(Place(4, 0), world_size)} == {20 // world_size}
    taken = together(Place(4, 0), world_size)
    assert len(set(taken)) == len(taken)
    assert set(taken) <= set(range(20))


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_what_all_ranks_take_together_is_one_order_for_any_number_of_ranks(world_size):
    assert together(Place(4, 0), world_size) == order().share(Place(4, 0)).tolist()


def test_what_stays_behind_differs_from_epoch_to_epoch():
    left = [frozenset(range(20)) - {*together(Place(epoch, 0), 3)} for epoch in range(6)]
    assert {len(samples) for samples in left} == {2}
    assert len(set(left)) > 1


def test_epochs_and_seeds_shuffle_differently_and_no_shuffle_is_none():
    assert order().share(Place(0, 0)).tolist() != order().share(Place(1, 0)).tolist()
    assert order().share(Place(0, 0)).tolist() != order(seed=1).share(Place(0, 0)).tolist()
    assert order(shuffle=False).share(Place(3, 5)).tolist() == list(range(5, 20))


@pytest.mark.parametrize("ranks_after", [1, 2, 5])
def test_the_rest_is_the_same_for_any_number_of_ranks(ranks_after):
    whole = order().share(Place(2, 0)).tolist()
    place = order(rank=0, world_size=2).after(Place(2, 0), 5)
    assert together(place, ranks_after) == whole[10:]


@pytest.mark.parametrize(
    ("taken", "place"), [(0, Place(3, 4)), (2, Place(3, 10)), (4, Place(3, 16)), (5, Place(4, 0)), (6, Place(4, 0))]
)
def test_the_end_of_an_epoch_is_the_beginning_of_the_next(taken, place):
    assert order(20, 1, 3).after(Place(3, 4), taken) == place


@pytest.mark.parametrize(("rank", "world_size"), [(-1, 2), (2, 2), (0, 0)])
def test_there_is_no_such_rank(rank, world_size):
    with pytest.raises(RecipeError, match=f"rank: got {rank} of {world_size}"):
        order(20, rank, world_size)


def test_more_ranks_than_samples_are_refused():
    with pytest.raises(RecipeError, match="3 samples an epoch are too few for 4 ranks"):
        order(3, 0, 4)


def test_places_are_plain():
    assert copy.deepcopy(Place(1, 2)) == (1, 2)
