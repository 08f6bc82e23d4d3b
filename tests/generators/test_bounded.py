"""A network of unknown origin takes no more memory than its weights account for, whatever its layers ask for."""

import pytest
import torch
from pairs.small_file import compact_generator

from gsdd.generators import bounded
from gsdd.generators.bounded import MemoryBound
from gsdd.generators.weights import identify

MOST = bounded.ROOM // 4
HUGE = 8 * MOST


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.nn.Linear(2 * MOST, 8),
        lambda: torch.arange(HUGE),
        lambda: torch.linspace(0, 1, HUGE),
        lambda: torch.zeros(1).expand(HUGE).contiguous(),
        lambda: torch.zeros(1).expand(HUGE) + 1,
        lambda: torch.zeros(40_000, 1) @ torch.zeros(1, 40_000),
        lambda: torch.zeros(3).repeat(HUGE),
        lambda: torch.eye(40_000),
        lambda: torch.nn.functional.pad(torch.zeros(1, 1, 8, 8), (20_000,) * 4),
    ],
)
def test_what_would_not_fit_is_refused_before_it_is_made(make):
    with MemoryBound(0), pytest.raises(MemoryError, match="many times as large as its weights"):
        make()


def test_what_is_free_again_does_not_count():
    with MemoryBound(0):
        for _ in range(20):
            torch.zeros(MOST // 2) + 1


def test_what_is_alive_adds_up():
    kept = []
    with MemoryBound(0), pytest.raises(MemoryError):
        for _ in range(20):
            kept.append(torch.zeros(MOST // 4))
    assert len(kept) == 4


def test_views_and_what_is_done_in_place_cost_nothing():
    with MemoryBound(0):
        large = torch.zeros(3 * MOST // 4)
        for _ in range(10):
            large.add_(1).view(3, -1)[1:].transpose(0, 1)


def test_a_real_network_is_built_and_tried_within_the_bound_to_the_same_weights():
    network = compact_generator().network
    found = identify(dict(network.state_dict()), "here")
    assert all(found.network.state_dict()[name].equal(value) for name, value in network.state_dict().items())
