"""ResumableSampler: the bug classes that users of streaming datasets report, one test each.

The threads are those of ecosystem.md 4.2 in the project's notes, and are named where a test answers one.
"""

import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pairs.small_file import write_pairs
from pairs.training_run import BATCH, made, run, seen
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

import gsdd
from gsdd.errors import GsddError

# 3 x 11 pairs: the last batch of an epoch is a single pair, and three ranks get 11 each.
PAIRS, REPEAT = 11, 3
EPOCH = -(-PAIRS * REPEAT // BATCH)
RANK = {"rank": 1, "world_size": 3}


@pytest.fixture(scope="module")
def file(photos, tmp_path_factory):
    return str(write_pairs(tmp_path_factory.mktemp("sampler") / "ost.gsdd", photos, PAIRS))


@pytest.fixture(scope="module")
def reference(file):
    """Three epochs without workers."""
    return run(file, workers=0, batches=3 * EPOCH)[0]


def in_a_new_process(file, **options):
    command = [sys.executable, "-m", "pairs.training_run", file, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    served, state = json.loads(done.stdout)
    return served, state


def sampler(file, **place):
    return made(file, **place)[0]


def test_an_epoch_has_every_pair_as_often_as_repeat_says_and_epochs_differ(reference):
    epochs = [[line for batch in reference[start : start + EPOCH] for line in batch] for start in (0, EPOCH)]
    for epoch in epochs:
        names = [line.split()[0] for line in epoch]
        assert {names.count(name) for name in names} == {REPEAT}
        assert len(set(names)) == PAIRS
    assert epochs[0] != epochs[1]
    assert len({line for epoch in epochs for line in epoch}) == 2 * PAIRS * REPEAT


@pytest.mark.parametrize(
    ("workers", "method", "persistent"),
    [(1, "fork", False), (2, "fork", False), (2, "fork", True), (2, "spawn", True), (1, "forkserver", True)],
)
def test_batches_are_the_same_for_any_workers(file, reference, workers, method, persistent):
    served, state = run(file, workers=workers, method=method, persistent=persistent, batches=2 * EPOCH)
    assert served == reference[: 2 * EPOCH]
    assert (state["epoch"], state["samples"]) == (2, 0)


def test_it_ends_and_has_a_length(file):
    """ "Why does my dataset never end, what is len": webdataset 379 and 403."""
    for rank in range(3):
        part = sampler(file, rank=rank, world_size=3)
        assert len(list(part)) == len(part) == 11
    assert len(made(file, workers=2)[1]) == EPOCH


@pytest.mark.parametrize("before", [0, 1, 4, EPOCH - 1, EPOCH, EPOCH + 3])
def test_a_state_taken_under_some_workers_gives_the_rest_under_others(file, reference, before):
    """Also with 0 workers, and at both ends of an epoch: litData 24 and 316, meta-pytorch/data 1437."""
    for first, then in ((2, 0), (0, 1), (1, 2)):
        served, state = run(file, workers=first, batches=before)
        rest, _ = run(file, workers=then, batches=2 * EPOCH - before, state=state)
        assert served + rest == reference[: 2 * EPOCH]


def test_a_new_process_with_other_workers_goes_on_twice_in_a_row(file, reference):
    """A second resume that restarts from zero: datasets 8308."""
    first, state = in_a_new_process(file, workers=2, batches=3)
    second, state = in_a_new_process(file, workers=1, batches=2, state=state, persistent=True)
    third, state = in_a_new_process(file, workers=0, batches=2 * EPOCH - 5, state=state)
    assert first + second + third == reference[: 2 * EPOCH]
    assert (state["epoch"], state["samples"]) == (2, 0)


def test_rank_1_of_3_goes_on_with_persistent_workers(file):
    whole, _ = run(file, workers=0, batches=7, **RANK)
    for before in (1, 3, 4):
        served, state = run(file, workers=2, persistent=True, batches=before, **RANK)
        rest, _ = run(file, workers=1, persistent=True, batches=7 - before, state=state, **RANK)
        assert served + rest == whole


def test_epochs_after_a_resumed_one_are_whole(file):
    """With persistent workers they were short: datasets 7447, litData 318 and 330."""
    _, state = run(file, workers=2, batches=5)
    _, loader = made(file, workers=2, persistent=True, state=state)
    assert [sum(1 for _ in loader) for _ in range(3)] == [EPOCH - 5, EPOCH, EPOCH]


def test_the_state_counts_what_was_trained_on_not_what_was_fetched_ahead(file):
    """lancedb 3967, litData 770."""
    part, loader = made(file, workers=2)
    for number, _ in enumerate(loader, start=1):
        state = part.state_dict(taken=min(number * BATCH, 33))
        assert state["samples"] == (number * BATCH if number < EPOCH else 0)


def test_without_workers_the_sampler_counts_by_itself(file, reference):
    part, loader = made(file)
    batches = iter(loader)
    served = [seen(next(batches)) for _ in range(3)]
    assert part.state_dict() == part.state_dict(taken=3 * BATCH)
    assert served + run(file, batches=EPOCH - 3, state=part.state_dict())[0] == reference[:EPOCH]


def test_a_state_is_of_all_ranks_and_may_be_taken_up_by_another_number_of_them(file):
    states = [run(file, batches=2, rank=rank, world_size=3)[1] for rank in range(3)]
    assert states[0] == states[1] == states[2]
    two = [run(file, batches=1, state=states[0], rank=rank, world_size=2)[0][0] for rank in range(2)]
    one, _ = run(file, batches=2, state=states[0])
    assert [line for pair in zip(*two, strict=True) for line in pair] == [line for batch in one for line in batch]


def test_set_epoch_keeps_a_loaded_place_and_leaves_it_for_another_epoch(file, reference):
    """Trainers call it at the start of each epoch, also of the one that they resume."""
    _, state = run(file, batches=EPOCH + 2)
    part, loader = made(file, workers=2, persistent=True, state=state)
    part.set_epoch(1)
    assert [seen(batch) for batch in loader] == reference[EPOCH + 2 : 2 * EPOCH]
    part.set_epoch(1)
    assert [seen(batch) for batch in loader] == reference[EPOCH : 2 * EPOCH]
    part.set_epoch(2)
    assert [seen(batch) for batch in loader] == reference[2 * EPOCH :]


def test_a_left_iteration_is_followed_by_the_next_epoch(file, reference):
    _, loader = made(file, workers=2, persistent=True)
    assert seen(next(iter(loader))) == reference[0]
    assert [seen(batch) for batch in loader] == reference[EPOCH : 2 * EPOCH]


def test_the_state_is_of_the_iteration_that_runs_whatever_is_called_meanwhile(file):
    part, loader = made(file, workers=2)
    batches = iter(loader)
    next(batches)
    part.set_epoch(5)
    next(batches)
    state = part.state_dict(taken=2 * BATCH)
    assert (state["epoch"], state["samples"]) == (0, 2 * BATCH)
    assert len(list(loader)) == EPOCH
    assert part.state_dict(taken=33)["epoch"] == 6


def test_a_rest_too_small_for_all_ranks_is_the_next_epoch(file):
    state = sampler(file).state_dict() | {"samples": 32}
    alone, of_three = sampler(file, state=state), sampler(file, state=state, **RANK)
    assert len(list(alone)) == 1
    assert (of_three.state_dict()["epoch"], of_three.state_dict()["samples"]) == (1, 0)
    assert len(list(of_three)) == 11


def test_a_state_of_another_training_or_other_pairs_is_refused_with_the_difference(file, photos, tmp_path):
    def of(path, **options):
        pairs = gsdd.DistilledPairs(path, **{"gt_size": 48, "repeat": 3, "seed": 2} | options)
        return gsdd.ResumableSampler(pairs, seed=2)

    state = sampler(file).state_dict()
    of(file).load_state_dict(state)
    other = write_pairs(tmp_path / "other.gsdd", photos, PAIRS, seed=8)
    plain = gsdd.ResumableSampler(range(33), seed=5, shuffle=False)
    for stranger, said in [
        (of(file, repeat=1), "length: 33 there, 11 here"),
        (plain, "seed: 2 there, 5 here; shuffle: True there, False here"),
        (of(other), "latents: "),
        (of(file, gt_size=32), "gt_size: 48 there, 32 here"),
        (of(file, use_rot=False), "views: "),
    ]:
        with pytest.raises(GsddError, match=said):
            stranger.load_state_dict(state)


@pytest.mark.parametrize("change", [{"samples": -1}, {"samples": 10**9}, {"epoch": -1}, {"epoch": "0"}])
def test_a_state_that_no_run_gave_is_refused(file, change):
    part = sampler(file)
    with pytest.raises(GsddError, match="which no state_dict gives"):
        part.load_state_dict(part.state_dict() | change)
    with pytest.raises(GsddError, match="got None"):
        part.load_state_dict(None)


def test_rank_and_world_size_are_those_of_torch_distributed(tmp_path):
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        assert sorted(gsdd.ResumableSampler(range(33))) == list(range(33))
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore:.*set_vital.*is deprecated")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("before", [1, 4, EPOCH - 1])
def test_torchdata_s_stateful_dataloader_resumes_it(file, reference, workers, before):
    """It takes the sampler's state with the indices of each batch, so nothing has to be counted.

    Its own state is one a worker, so their number must stay the same.
    """

    def loader():
        part, plain = made(file)
        return StatefulDataLoader(plain.dataset, batch_size=BATCH, sampler=part, num_workers=workers)

    first = loader()
    batches = iter(first)
    served = [seen(next(batches)) for _ in range(before)]
    again = loader()
    again.load_state_dict(first.state_dict())
    assert served + [seen(batch) for _ in range(2) for batch in again] == reference[: 2 * EPOCH]


def test_each_index_comes_once_an_epoch_and_every_epoch_and_seed_has_another_order():
    parts = [gsdd.ResumableSampler(range(50), seed=seed) for seed in range(3)]
    orders = [tuple(part) for part in parts for _ in range(2)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len(set(orders)) == 6
    assert len(parts[0]) == 50


def test_any_map_style_dataset_may_be_sampled():
    data = TensorDataset(torch.arange(10))
    part = gsdd.ResumableSampler(data)
    batches = iter(DataLoader(data, batch_size=3, sampler=part, num_workers=2))
    seen_before = [next(batches)[0].tolist() for _ in range(2)]
    again = gsdd.ResumableSampler(data)
    again.load_state_dict(part.state_dict(taken=6))
    rest = [batch.tolist() for (batch,) in DataLoader(data, batch_size=3, sampler=again)]
    assert sorted(number for batch in seen_before + rest for number in batch) == list(range(10))


def test_views_go_on_through_what_wraps_the_pairs(file):
    def loader(state=None):
        wrapped = ConcatDataset([Subset(gsdd.DistilledPairs(file, gt_size=48), np.arange(9))] * 2)
        part = gsdd.ResumableSampler(wrapped)
        if state:
            part.load_state_dict(state)
        return part, DataLoader(wrapped, batch_size=BATCH, sampler=part)

    _, batches = loader()
    whole = [seen(batch) for _ in range(2) for batch in batches]
    half = len(whole) // 2
    assert whole[:half] != whole[half:]
    again, batches = loader()
    assert [seen(batch) for batch in batches] == whole[:half]
    assert [seen(batch) for batch in loader(again.state_dict())[1]] == whole[half:]


def test_a_copied_sampler_goes_its_own_way():
    part = gsdd.ResumableSampler(range(20))
    copied = copy.deepcopy(part)
    assert list(part) == list(copied)
