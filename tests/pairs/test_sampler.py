"""ResumableSampler: a DataLoader over pairs, or over anything else, that resumes exactly."""

import copy

import numpy as np
import pytest
import torch
from pairs.small_file import write_small_file
from pairs.stream_run import seen
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset

import gsdd
from gsdd.data.catalog import scan
from gsdd.errors import GsddError

PAIRS, BATCH = 13, 4


@pytest.fixture(scope="module")
def file(photos, tmp_path_factory):
    classes = len(scan(photos, min_size=64).classes)
    counts = [PAIRS // classes + (number < PAIRS % classes) for number in range(classes)]
    return write_small_file(tmp_path_factory.mktemp("sampler") / "ost.gsdd", photos, counts=counts)


def loader(file, workers, state=None, **place):
    pairs = gsdd.DistilledPairs(file, gt_size=48, repeat=2)
    sampler = gsdd.ResumableSampler(pairs, seed=4, **place)
    made = gsdd.ResumableLoader(
        pairs, batch_size=BATCH, sampler=sampler, num_workers=workers, persistent_workers=workers > 0
    )
    if state is not None:
        made.load_state_dict(state)
    return made


@pytest.mark.parametrize("place", [{}, {"rank": 1, "world_size": 2}])
@pytest.mark.parametrize("before", [1, 3, 5])
def test_pixels_and_order_go_on_under_other_workers(file, place, before):
    whole = [seen(batch) for made in [loader(file, 0, **place)] for _ in range(2) for batch in made]
    made = loader(file, 2, **place)
    batches = (seen(batch) for _ in range(2) for batch in made)
    served = [next(batches) for _ in range(before)]
    rest = loader(file, 1, made.state_dict(), **place)
    assert served + [seen(batch) for batch in rest] == whole[: len(whole) // 2 if before < len(rest) else len(whole)]


def test_each_index_comes_once_an_epoch_and_epochs_differ():
    sampler = gsdd.ResumableSampler(range(50), seed=1)
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert len(sampler) == 50


def test_another_seed_is_another_order():
    orders = {tuple(gsdd.ResumableSampler(range(50), seed=seed)) for seed in range(3)}
    assert len(orders) == 3


def test_any_map_style_dataset_may_be_sampled():
    data = TensorDataset(torch.arange(10))
    sampler = gsdd.ResumableSampler(data)
    made = gsdd.ResumableLoader(data, batch_size=3, sampler=sampler, num_workers=2)
    batches = iter(made)
    seen_before = [next(batches)[0].tolist() for _ in range(2)]
    again = gsdd.ResumableSampler(data)
    again.load_state_dict(made.state_dict())
    rest = [batch.tolist() for (batch,) in DataLoader(data, batch_size=3, sampler=again)]
    assert sorted(number for batch in seen_before + rest for number in batch) == list(range(10))


def test_a_plain_dataloader_needs_to_be_told_what_was_taken(file):
    pairs = gsdd.DistilledPairs(file, gt_size=48)
    sampler = gsdd.ResumableSampler(pairs)
    batches = iter(DataLoader(pairs, batch_size=BATCH, sampler=sampler, num_workers=2))
    served = [name for _ in range(2) for name in next(batches)["gt_path"]]
    with pytest.raises(GsddError, match="a DataLoader fetches ahead"):
        sampler.state_dict()
    again = gsdd.ResumableSampler(pairs)
    again.load_state_dict(sampler.state_dict(taken=2 * BATCH))
    rest = [name for batch in DataLoader(pairs, batch_size=BATCH, sampler=again) for name in batch["gt_path"]]
    assert len(served) + len(rest) == len(set(served + rest)) == PAIRS


def test_views_go_on_through_what_wraps_the_pairs(file):
    def made(state=None):
        wrapped = ConcatDataset([Subset(gsdd.DistilledPairs(file, gt_size=48), np.arange(9))] * 2)
        loader = gsdd.ResumableLoader(wrapped, batch_size=BATCH, sampler=gsdd.ResumableSampler(wrapped), num_workers=0)
        if state:
            loader.load_state_dict(state)
        return loader

    whole = [seen(batch) for loader in [made()] for _ in range(2) for batch in loader]
    first = made()
    assert [seen(batch) for batch in first] == whole[: len(whole) // 2]
    assert [seen(batch) for batch in made(first.state_dict())] == whole[len(whole) // 2 :]


def test_a_copied_sampler_goes_its_own_way():
    sampler = gsdd.ResumableSampler(range(20))
    copied = copy.deepcopy(sampler)
    assert list(sampler) == list(copied)
