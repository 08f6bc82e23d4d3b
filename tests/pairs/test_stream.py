"""DistilledStream and ResumableLoader: the bug classes that users of streaming datasets report, one test each.

The threads are those of ecosystem.md 4.2 in the project's notes, and are named where a test answers one.
"""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pairs.small_file import write_small_file
from pairs.stream_run import BATCH, run, seen, stream
from torch.utils.data import DataLoader, IterableDataset

import gsdd
from gsdd.data.catalog import scan
from gsdd.errors import GsddError, RecipeError

# 3 x 11 pairs: the last batch of an epoch is a single pair, and three ranks get 11 each.
PAIRS, REPEAT = 11, 3
EPOCH = -(-PAIRS * REPEAT // BATCH)


def counts(photos):
    classes = len(scan(photos, min_size=64).classes)
    return [PAIRS // classes + (number < PAIRS % classes) for number in range(classes)]


@pytest.fixture(scope="module")
def file(photos, tmp_path_factory):
    return str(write_small_file(tmp_path_factory.mktemp("stream") / "ost.gsdd", photos, counts=counts(photos)))


@pytest.fixture(scope="module")
def reference(file):
    """Three epochs without workers."""
    return run(file, workers=0, batches=3 * EPOCH)[0]


def in_a_new_process(file, **options):
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "stream_run.py"), file, json.dumps(options)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    served, state = json.loads(done.stdout)
    return served, state


def test_an_epoch_has_every_pair_as_often_as_repeat_says_and_epochs_differ(file, reference):
    assert isinstance(stream(file), IterableDataset)
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


@pytest.mark.parametrize("persistent", [False, True])
def test_a_plain_dataloader_serves_the_same_batches_epoch_after_epoch(file, reference, persistent):
    loader = DataLoader(stream(file), batch_size=BATCH, num_workers=2, persistent_workers=persistent)
    assert [seen(batch) for _ in range(3) for batch in loader] == reference


def test_it_ends_and_has_a_length(file):
    """ "Why does my dataset never end, what is len": webdataset 379 and 403."""
    for rank in range(3):
        part = stream(file, rank=rank, world_size=3)
        assert len(list(part)) == len(part) == 11
    assert len(gsdd.ResumableLoader(stream(file), num_workers=2)) == EPOCH


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
    place = {"rank": 1, "world_size": 3}
    whole, _ = run(file, workers=0, batches=7, **place)
    for before in (1, 3, 4):
        served, state = run(file, workers=2, persistent=True, batches=before, **place)
        rest, _ = run(file, workers=1, persistent=True, batches=7 - before, state=state, **place)
        assert served + rest == whole


def test_epochs_after_a_resumed_one_are_whole(file, reference):
    """With persistent workers they were short: datasets 7447, litData 318 and 330."""
    _, state = run(file, workers=2, batches=5)
    loader = gsdd.ResumableLoader(stream(file), num_workers=2, persistent_workers=True)
    loader.load_state_dict(state)
    lengths = [sum(1 for _ in loader) for _ in range(3)]
    assert lengths == [EPOCH - 5, EPOCH, EPOCH]


def test_the_state_counts_what_was_handed_out_not_what_was_fetched_ahead(file):
    """lancedb 3967, litData 770."""
    loader = gsdd.ResumableLoader(stream(file), num_workers=2, prefetch_factor=4)
    for number, _ in enumerate(loader, start=1):
        assert loader.state_dict()["samples"] == (number * BATCH if number < EPOCH else 0)


def test_a_plain_dataloader_s_workers_make_the_state_unknown_unless_it_is_given(file, reference):
    part = stream(file)
    iterator = iter(DataLoader(part, batch_size=BATCH, num_workers=2))
    served = [seen(next(iterator)) for _ in range(3)]
    with pytest.raises(GsddError, match=r"use gsdd.ResumableLoader, or give state_dict\(taken"):
        part.state_dict()
    rest, _ = run(file, workers=0, batches=EPOCH - 3, state=part.state_dict(taken=3 * BATCH))
    assert served + rest == reference[:EPOCH]


def test_the_stream_itself_counts_item_by_item(file, reference):
    part = stream(file)
    iterator = iter(part)
    names = [next(iterator)["gt_path"] for _ in range(5)]
    after = stream(file)
    after.load_state_dict(part.state_dict())
    names += [item["gt_path"] for item in after]
    assert names == [line.split()[0] for batch in reference[:EPOCH] for line in batch]


def test_a_state_is_of_all_ranks_and_may_be_taken_up_by_another_number_of_them(file):
    state = None
    for rank in range(3):
        _, of_rank = run(file, workers=0, batches=2, rank=rank, world_size=3)
        state = state or of_rank
        assert of_rank == state
    two = [run(file, workers=0, batches=1, state=state, rank=rank, world_size=2)[0][0] for rank in range(2)]
    one, _ = run(file, workers=0, batches=2, state=state)
    assert [line for pair in zip(*two, strict=True) for line in pair] == [line for batch in one for line in batch]


def test_set_epoch_keeps_a_loaded_place_and_leaves_it_for_another_epoch(file, reference):
    """Trainers call it at the start of each epoch, also of the one that they resume."""
    _, state = run(file, workers=0, batches=EPOCH + 2)
    loader = gsdd.ResumableLoader(stream(file), num_workers=2, persistent_workers=True)
    loader.load_state_dict(state)
    loader.set_epoch(1)
    assert [seen(batch) for batch in loader] == reference[EPOCH + 2 : 2 * EPOCH]
    loader.set_epoch(1)
    assert [seen(batch) for batch in loader] == reference[EPOCH : 2 * EPOCH]
    loader.set_epoch(2)
    assert [seen(batch) for batch in loader] == reference[2 * EPOCH :]


def test_dropped_last_batches_leave_no_empty_epoch(file):
    loader = gsdd.ResumableLoader(stream(file), num_workers=2, drop_last=True)
    batches = list(loader)
    assert len(batches) == EPOCH - 1
    assert loader.state_dict()["epoch"] == 1
    again = gsdd.ResumableLoader(stream(file), drop_last=True)
    again.load_state_dict(loader.state_dict())
    assert len(list(again)) == EPOCH - 1


def test_a_left_iteration_is_followed_by_the_next_epoch(file, reference):
    loader = gsdd.ResumableLoader(stream(file), num_workers=2, persistent_workers=True)
    assert seen(next(iter(loader))) == reference[0]
    assert [seen(batch) for batch in loader] == reference[EPOCH : 2 * EPOCH]


@pytest.mark.parametrize("kind", [gsdd.ResumableLoader, DataLoader])
def test_seeding_torch_before_each_epoch_does_not_stop_time(file, reference, kind):
    loader = kind(stream(file), batch_size=BATCH, num_workers=2)
    served = []
    for _ in range(3):
        torch.manual_seed(0)
        served += [seen(batch) for batch in loader]
    assert served == reference


def test_the_state_is_of_the_iteration_that_runs_whatever_is_called_meanwhile(file):
    loader = gsdd.ResumableLoader(stream(file), num_workers=2)
    batches = iter(loader)
    next(batches)
    loader.set_epoch(5)
    next(batches)
    assert (loader.state_dict()["epoch"], loader.state_dict()["samples"]) == (0, 2 * BATCH)
    batches.close()
    assert len(list(loader)) == EPOCH
    assert loader.state_dict()["epoch"] == 6


def test_the_state_of_an_outer_iteration_is_its_own(file):
    loader = gsdd.ResumableLoader(stream(file), num_workers=1)
    batches = iter(loader)
    next(batches)
    assert sum(1 for _ in loader) == EPOCH
    next(batches)
    assert (loader.state_dict()["epoch"], loader.state_dict()["samples"]) == (0, 2 * BATCH)


def test_a_rest_too_small_for_all_ranks_is_the_next_epoch(file):
    state = stream(file).state_dict() | {"samples": 32}
    alone, of_three = stream(file), gsdd.ResumableLoader(stream(file, rank=0, world_size=3))
    alone.load_state_dict(state)
    assert len(list(alone)) == 1
    of_three.load_state_dict(state)
    assert (of_three.state_dict()["epoch"], of_three.state_dict()["samples"]) == (1, 0)
    assert sum(len(batch["gt"]) for batch in of_three) == 11


def test_batches_out_of_order_are_refused(file):
    with pytest.raises(RecipeError, match="got in_order=False"):
        gsdd.ResumableLoader(stream(file), num_workers=2, in_order=False)


def test_a_state_of_another_run_is_refused_with_the_difference(file):
    state = stream(file).state_dict()
    with pytest.raises(GsddError, match="length: 33 there, 11 here"):
        gsdd.DistilledStream(file, seed=2).load_state_dict(state)
    with pytest.raises(GsddError, match="seed: 2 there, 5 here"):
        gsdd.DistilledStream(file, repeat=3, seed=5).load_state_dict(state)


def test_a_state_is_tied_to_the_pairs_and_the_way_they_are_served(file, photos, tmp_path):
    def of(path, **options):
        return gsdd.DistilledStream(path, **{"gt_size": 48, "repeat": 3} | options)

    state = of(file).state_dict()
    other = write_small_file(tmp_path / "other.gsdd", photos, counts=counts(photos), seed=8)
    for stranger, said in [
        (of(other), "latents: "),
        (of(file, gt_size=32), "gt_size: 48 there, 32 here"),
        (of(file, use_rot=False), "views: "),
    ]:
        with pytest.raises(GsddError, match=said):
            stranger.load_state_dict(state)


@pytest.mark.parametrize("change", [{"samples": -1}, {"samples": 10**9}, {"epoch": -1}, {"epoch": "0"}])
def test_a_state_that_no_run_gave_is_refused(file, change):
    part = stream(file)
    with pytest.raises(GsddError, match="which no state_dict gives"):
        part.load_state_dict(part.state_dict() | change)
    with pytest.raises(GsddError, match="got None"):
        part.load_state_dict(None)


def test_the_state_is_plain_and_survives_json(file):
    state = stream(file).state_dict()
    assert json.loads(json.dumps(state)) == state


def test_a_plain_copy_is_a_stream_of_its_own(file, reference):
    copied = pickle.loads(pickle.dumps(stream(file)))
    assert [seen(batch) for batch in DataLoader(copied, batch_size=BATCH)] == reference[:EPOCH]


def test_wrong_batch_sizes_and_samplers_are_refused(file):
    with pytest.raises(RecipeError, match="batch_size: got 8, wanted 4, the stream's"):
        gsdd.ResumableLoader(stream(file), batch_size=8)
    with pytest.raises(RecipeError, match="wanted a ResumableSampler, or a DistilledStream"):
        gsdd.ResumableLoader(gsdd.DistilledPairs(file), batch_size=8)
    with pytest.raises(RecipeError, match="batch_size: got 0"):
        gsdd.DistilledStream(file, batch_size=0)


def test_rank_and_world_size_are_those_of_torch_distributed(file, tmp_path):
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        assert (stream(file, rank=None, world_size=None).order.rank, len(stream(file))) == (0, 33)
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore:.*set_vital.*is deprecated")
@pytest.mark.parametrize("workers", [0, 2])
def test_torchdata_s_stateful_dataloader_resumes_it(file, reference, workers):
    """The protocol is torchdata's; its loader keeps a state a worker, so their number must stay the same."""
    from torchdata.stateful_dataloader import StatefulDataLoader

    loader = StatefulDataLoader(stream(file), batch_size=BATCH, num_workers=workers)
    batches = iter(loader)
    served = [seen(next(batches)) for _ in range(4)]
    again = StatefulDataLoader(stream(file), batch_size=BATCH, num_workers=workers)
    again.load_state_dict(loader.state_dict())
    assert served + [seen(batch) for batch in again] == reference[:EPOCH]
