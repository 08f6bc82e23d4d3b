"""The order of an epoch, its split over ranks, and the place in it."""

import copy

import pytest

from gsdd.errors import RecipeError
from gsdd.pairs.order import Order, Place


def order(length=20, rank=0, world_size=1, *, shuffle=True, seed=0):
    return Order(length, seed, shuffle, rank, world_size)


@pytest.mark.parametrize("world_size", [1, 2, 3, 7, 20])
def test_ranks_take_equal_parts_and_no_sample_twice(world_size):
    """A rank with fewer batches would let the others hang in the next collective."""
    shares = [order(20, rank, world_size).share(Place(4, 0)).tolist() for rank in range(world_size)]
    assert {len(share) for share in shares} == {20 // world_size}
    together = [sample for share in shares for sample in share]
    assert len(set(together)) == len(together)
    assert set(together) <= set(range(20))


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_what_all_ranks_take_together_is_one_order_for_any_number_of_ranks(world_size):
    shares = [order(20, rank, world_size).share(Place(4, 0)).tolist() for rank in range(world_size)]
    assert [sample for step in zip(*shares, strict=True) for sample in step] == order().share(Place(4, 0)).tolist()


def test_what_stays_behind_differs_from_epoch_to_epoch():
    left = [
        frozenset(range(20)) - {s for rank in range(3) for s in order(20, rank, 3).share(Place(epoch, 0)).tolist()}
        for epoch in range(6)
    ]
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
    shares = [order(20, rank, ranks_after).share(place).tolist() for rank in range(ranks_after)]
    assert [sample for step in zip(*shares, strict=True) for sample in step] == whole[10:]


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
