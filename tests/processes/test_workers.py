"""The processes of a run: who computes which chunk, and what all of them know afterwards."""

from pathlib import Path

import pytest
import torch

from gsdd.errors import RecipeError
from gsdd.parallel.torchrun import started_by_torchrun
from gsdd.parallel.workers import ALONE, Workers, joined, own_device

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "3", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1"}


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_all_processes_know_all_chunks_to_the_bit_and_agree_with_rank_0(ask, processes):
    script = Path(__file__).with_name("gathering.py")
    assert ask(script=str(script), processes=processes) == {"codes": [0] * processes, "text": ""}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10])
def test_every_chunk_is_dealt_to_one_process(count):
    dealt = [list(Workers(rank, 3).deal(count)) for rank in range(3)]
    assert sorted(k for mine in dealt for k in mine) == list(range(count))
    assert all(k % 3 == rank for rank, mine in enumerate(dealt) for k in mine)


def test_one_process_gets_its_own_chunks_without_their_graph():
    chunk = torch.ones(2, requires_grad=True) * 2
    (got,) = ALONE.gather([chunk], 1)
    assert got.data_ptr() == chunk.data_ptr()
    assert not got.requires_grad


def test_only_what_torchrun_started_beside_others_joins_them(monkeypatch):
    assert started_by_torchrun(TORCHRUN)
    assert not started_by_torchrun(TORCHRUN | {"WORLD_SIZE": "1"})
    assert not any(started_by_torchrun({key: TORCHRUN[key] for key in TORCHRUN if key != name}) for name in TORCHRUN)
    monkeypatch.setenv("WORLD_SIZE", "1")
    with joined("cpu") as workers:
        assert workers is ALONE


def test_processes_share_no_numbered_gpu(monkeypatch):
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    assert own_device("cpu") == "cpu"
    with pytest.raises(RecipeError, match="got cuda:2, wanted cuda"):
        own_device("cuda:2")
