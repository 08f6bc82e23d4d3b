"""DistilledPairs: a file as the map-style dataset of an SR trainer."""

import copy
import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from heard import Heard
from pairs.enlarged_sampler import EnlargedSampler
from pairs.rank_run import crops_of_a_rank
from pairs.small_file import compact_generator, write_pairs
from states import random_states_kept
from torch.utils.data import ConcatDataset, DataLoader, Dataset, RandomSampler, Subset, default_collate

import gsdd
from gsdd.data.degradation import low_resolution, to_float
from gsdd.distilled.latent_set import read_latents
from gsdd.errors import FormatError, GeneratorNotFoundError, GsddError, RecipeError
from gsdd.generators.export import export

SIZE, COUNT = 64, 35


@pytest.fixture(scope="module")
def file(photos, tmp_path_factory):
    """35 pairs of 64x64."""
    return write_pairs(tmp_path_factory.mktemp("pairs") / "ost.gsdd", photos, COUNT)


@pytest.fixture(scope="module")
def images(file):
    """LR and HR of the file, decoded without the dataset."""
    hr = read_latents(file).decode(compact_generator(), range(COUNT))
    return to_float(low_resolution(hr, 4)), to_float(hr)


def digest(batches):
    """What a trainer sees, in order."""
    tensors = b"".join(batch[key].numpy().tobytes() for batch in batches for key in ("lq", "gt"))
    return hashlib.sha256(tensors + repr([batch["lq_path"] for batch in batches]).encode()).hexdigest()


def batches(pairs, workers, method=None, *, epochs=2, sampler=None, collate=None):
    shuffled = RandomSampler(pairs, generator=torch.Generator().manual_seed(3))
    loader = DataLoader(
        pairs,
        batch_size=8,
        num_workers=workers,
        multiprocessing_context=method,
        persistent_workers=method in ("spawn", "forkserver"),
        sampler=sampler or shuffled,
        collate_fn=collate,
    )
    return [batch for _ in range(epochs) for batch in loader]


def test_whole_unturned_items_are_the_pairs_of_the_file(file, images):
    pairs = gsdd.DistilledPairs(file, use_hflip=False, use_rot=False)
    assert len(pairs) == COUNT
    for number in (0, 7, 8, 34):
        item = pairs[number]
        assert list(item) == ["lq", "gt", "lq_path", "gt_path"]
        assert item["lq_path"] == item["gt_path"] == read_latents(file).name(number)
        assert item["lq_path"].startswith("ost.gsdd::")
        assert item["lq"].dtype == item["gt"].dtype == torch.float32
        assert torch.equal(item["lq"], images[0][number])
        assert torch.equal(item["gt"], images[1][number])


def test_items_are_aligned_crops_in_one_of_eight_orientations(file, images):
    """Each HR crop is found in its image, in some orientation, at four times the place where its LR crop is found."""
    pairs = gsdd.DistilledPairs(file, gt_size=48)
    seen = set()
    for number in range(COUNT):
        item = pairs[number]
        lr, hr = (images[side][number] for side in (0, 1))
        places = {
            (turn, top, left)
            for turn in range(8)
            for top in range(5)
            for left in range(5)
            if torch.equal(turned(hr[:, 4 * top : 4 * top + 48, 4 * left : 4 * left + 48], turn), item["gt"])
            and torch.equal(turned(lr[:, top : top + 12, left : left + 12], turn), item["lq"])
        }
        assert len(places) == 1
        seen |= places
    assert len({turn for turn, _, _ in seen}) == 8


def turned(image, turn):
    rotated = torch.rot90(image, turn % 4, (1, 2))
    return rotated.flip(2) if turn >= 4 else rotated


def test_names_for_kair(file):
    kair, basicsr = gsdd.DistilledPairs(file, gt_size=32, keys="LH")[3], gsdd.DistilledPairs(file, gt_size=32)[3]
    assert list(kair) == ["L", "H", "L_path", "H_path"]
    assert torch.equal(kair["H"], basicsr["gt"])
    assert torch.equal(kair["L"], basicsr["lq"])


@pytest.mark.parametrize(
    ("workers", "method"), [(1, "fork"), (2, "fork"), (1, "spawn"), (2, "spawn"), (2, "forkserver")]
)
def test_batches_do_not_depend_on_workers_or_how_they_start(file, workers, method):
    pairs = gsdd.DistilledPairs(file, gt_size=48, seed=5)
    wanted = digest(batches(pairs, 0))
    for collate in (None, pairs.collate):
        pairs.set_epoch(0)
        assert digest(batches(pairs, workers, method, collate=collate)) == wanted
    assert digest(batches(gsdd.DistilledPairs(file, gt_size=48, seed=6), 0)) != wanted


def test_epochs_differ_though_workers_are_made_anew_and_nobody_tells_the_epoch(file):
    """A visit that is counted in a worker's own copy is forgotten with the worker: each epoch would look the same."""
    served = batches(gsdd.DistilledPairs(file, gt_size=48), 2, sampler=list(range(COUNT)), epochs=6)
    crops = {crop.numpy().tobytes() for batch in served for crop in batch["gt"]}
    assert len(crops) == 6 * COUNT


def test_basicsr_s_sampler_and_persistent_workers_get_fresh_crops(photos, tmp_path):
    """7,000 draws of 35 pairs at sizes of practice; independent draws of the 648 views would give about 6,000."""
    file = write_pairs(tmp_path / "a.gsdd", photos, COUNT, hr_size=128)
    for ratio in (1, 3):
        pairs = gsdd.DistilledPairs(file, gt_size=96, repeat=200, cache=tmp_path)
        sampler = EnlargedSampler(pairs, 1, 0, ratio)
        loader = DataLoader(pairs, batch_size=50, sampler=sampler, num_workers=2, persistent_workers=True)
        crops = {crop.numpy().tobytes() for batch, _ in zip(loader, range(140), strict=False) for crop in batch["gt"]}
        assert len(crops) >= 6_900


def test_a_second_epoch_of_the_same_indices_is_fresh_too(file):
    pairs = gsdd.DistilledPairs(file, gt_size=48, repeat=2)
    sampler = EnlargedSampler(pairs, 1, 0, 2)
    loader = DataLoader(pairs, batch_size=10, sampler=sampler, num_workers=2, persistent_workers=True)
    crops = [crop.numpy().tobytes() for _ in range(4) for batch in loader for crop in batch["gt"]]
    assert len(crops) == 16 * COUNT
    assert len(set(crops)) >= 0.99 * len(crops)


def test_set_epoch_reaches_persistent_workers(file):
    pairs = gsdd.DistilledPairs(file, gt_size=48)
    loader = DataLoader(pairs, batch_size=8, num_workers=2, persistent_workers=True)
    epochs = []
    for epoch in (0, 1, 2, 1):
        pairs.set_epoch(epoch)
        epochs.append(digest(list(loader)))
    assert len(set(epochs)) == 3
    assert epochs[1] == epochs[3]


def test_an_index_asked_for_once_an_epoch_gets_the_views_of_that_epoch(file):
    pairs, told = gsdd.DistilledPairs(file, gt_size=48), gsdd.DistilledPairs(file, gt_size=48)
    for epoch in range(3):
        told.set_epoch(epoch)
        assert torch.equal(pairs[11]["gt"], told[11]["gt"])
        assert torch.equal(pairs.item(11, epoch)["gt"], told.item(11, epoch)["gt"])


def test_a_list_is_what_iterating_gives_and_indices_end(file):
    pairs = gsdd.DistilledPairs(file, repeat=2)
    assert isinstance(pairs, Dataset)
    assert len(list(pairs)) == len(pairs) == 70
    assert pairs[-1]["gt_path"] == pairs[69]["gt_path"]
    with pytest.raises(IndexError):
        pairs[70]


def test_copies_and_pickles_share_files_and_counts(file):
    pairs = gsdd.DistilledPairs(file, gt_size=48, seed=9)
    for visit, made in enumerate((copy.copy, copy.deepcopy, lambda pairs: pickle.loads(pickle.dumps(pairs)))):
        assert torch.equal(made(pairs)[4]["gt"], pairs.item(4, visit)["gt"])
    assert torch.equal(pairs[4]["gt"], pairs.item(4, 3)["gt"])


def test_a_copy_outlives_its_original(file):
    pairs = gsdd.DistilledPairs(file, gt_size=48)
    wanted, copied = pairs.item(4, 0)["gt"], copy.deepcopy(pairs)
    del pairs
    (batch,) = DataLoader(copied, 1, sampler=[4], num_workers=1, multiprocessing_context="spawn")
    assert torch.equal(batch["gt"][0], wanted)


def test_a_pickle_whose_files_are_gone_says_what_to_do(file, tmp_path):
    pairs = gsdd.DistilledPairs(file, gt_size=48)
    pickled = pickle.dumps(pairs)
    del pairs
    with pytest.raises(GsddError, match=r"are gone with the process that made them; .*`cache=DIR`, which keeps them"):
        pickle.loads(pickled)
    kept = gsdd.DistilledPairs(file, gt_size=48, cache=tmp_path)
    first, pickled = kept[4], pickle.dumps(kept)
    del kept
    assert torch.equal(pickle.loads(pickled)[4]["gt"], first["gt"])


def test_items_are_the_trainer_s_own(file):
    """Writing into an item must not reach the cache."""
    pairs = gsdd.DistilledPairs(file, use_hflip=False, use_rot=False)
    before = pairs[0]["gt"].clone()
    pairs[0]["gt"].zero_()
    assert torch.equal(pairs[0]["gt"], before)


@pytest.mark.parametrize("collate", [None, gsdd.DistilledPairs.collate])
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_plain_dicts_of_what_items_are(file, workers, collate):
    pairs = gsdd.DistilledPairs(file, gt_size=32)
    loader = DataLoader(pairs, batch_size=6, num_workers=workers, collate_fn=collate)
    for start, batch in zip(range(0, COUNT, 6), loader, strict=True):
        wanted = default_collate([pairs.item(number, 0) for number in range(start, COUNT)[:6]])
        assert type(batch) is dict
        assert list(batch) == list(wanted)
        assert torch.equal(batch["gt"], wanted["gt"])
        assert torch.equal(batch["lq"], wanted["lq"])
        assert batch["gt_path"] == batch["lq_path"] == wanted["gt_path"]
        batch["gt"].mul_(2)


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_of_what_wraps_the_pairs_are_the_same(file, workers):
    subset = Subset(gsdd.DistilledPairs(file, gt_size=32), range(3, 9))
    for wrapped in (subset, ConcatDataset([subset, subset])):
        plain, ours = (
            DataLoader(wrapped, batch_size=6, num_workers=workers, collate_fn=collate)
            for collate in (None, gsdd.DistilledPairs.collate)
        )
        subset.dataset.set_epoch(0)
        wanted = digest(plain)
        subset.dataset.set_epoch(0)
        assert digest(ours) == wanted


@pytest.mark.parametrize("workers", [0, 2])
def test_a_collate_function_of_one_s_own_reads_items_like_dicts(file, workers):
    pairs = gsdd.DistilledPairs(file, gt_size=32)
    loader = DataLoader(pairs, batch_size=5, num_workers=workers, collate_fn=brightest)
    crops = [pairs.item(number, 0)["gt"] for number in range(5)]
    largest, names, keys = next(iter(loader))
    assert torch.equal(largest, torch.stack([crop.max() for crop in crops]))
    assert names == [read_latents(file).name(number) for number in range(5)]
    assert keys == ["lq", "gt", "lq_path", "gt_path"]


def brightest(items):
    return torch.stack([item["gt"].max() for item in items]), [dict(item)["gt_path"] for item in items], list(items[0])


@pytest.mark.parametrize(
    "numbers", [np.arange(12), torch.arange(12), range(-35, -23)], ids=["numpy", "torch", "negative"]
)
def test_any_whole_number_is_an_index(file, numbers):
    pairs = gsdd.DistilledPairs(file, gt_size=32)
    wanted = [pairs.item(number, 0)["gt"] for number in range(12)]
    loader = DataLoader(pairs, batch_size=12, sampler=numbers, num_workers=1)
    assert torch.equal(next(iter(loader))["gt"], torch.stack(wanted))


def test_an_index_that_goes_from_rank_to_rank_is_seen_in_other_views(file, tmp_path):
    """Each rank counts for itself, and nobody calls the dataset's set_epoch."""
    context = torch.multiprocessing.get_context("spawn")
    crops = context.Queue()
    ranks = [context.Process(target=crops_of_a_rank, args=(n, file, str(tmp_path / "store"), crops)) for n in (0, 1)]
    for rank in ranks:
        rank.start()
    served = [crop for _ in range(2 * 6 * 2) for crop in crops.get(timeout=60)]
    for rank in ranks:
        rank.join()
    assert len(served) == 2 * 6 * 18
    assert len(set(served)) >= 0.97 * 6 * COUNT


def test_the_program_s_default_dtype_does_not_matter(file):
    wanted = gsdd.DistilledPairs(file, gt_size=32)[3]["gt"]
    torch.set_default_dtype(torch.float64)
    try:
        item = gsdd.DistilledPairs(file, gt_size=32)[3]["gt"]
    finally:
        torch.set_default_dtype(torch.float32)
    assert item.dtype == torch.float32
    assert torch.equal(item, wanted)


def test_with_our_collate_workers_send_batches_without_shared_memory_files(file):
    """A worker's bus error where /dev/shm is small: BasicSR 70, EDSR-PyTorch 83."""

    def shared_files():
        return {word for word in Path("/proc/self/maps").read_text().split() if "/torch_" in word}

    before = shared_files()
    subset = Subset(gsdd.DistilledPairs(file, gt_size=32), range(3, 30))
    batches = list(DataLoader(subset, batch_size=9, num_workers=2, collate_fn=subset.dataset.collate))
    assert [len(batch["gt"]) for batch in batches] == [9, 9, 9]
    assert shared_files() <= before


def test_no_global_generator_is_read_or_set(file):
    with random_states_kept():
        first = gsdd.DistilledPairs(file, gt_size=48)[0]["gt"]
    torch.manual_seed(1)
    assert torch.equal(gsdd.DistilledPairs(file, gt_size=48)[0]["gt"], first)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gt_size": 66}, "`gt_size`: got 66, wanted a multiple of 4 up to 64"),
        ({"gt_size": 68}, "`gt_size`: got 68"),
        ({"gt_size": 0}, "`gt_size`: got 0"),
        ({"gt_size": "48"}, "`gt_size`: got '48'"),
        ({"repeat": 0}, "`repeat`: got 0, wanted at least 1"),
        ({"keys": "HL"}, "`keys`: got 'HL', wanted one of lqgt, LH"),
    ],
)
def test_options_without_meaning_are_refused(file, options, said):
    with pytest.raises(RecipeError, match=said):
        gsdd.DistilledPairs(file, **options)


def test_unknown_options_are_refused(file):
    with pytest.raises(TypeError, match="lq_size"):
        gsdd.DistilledPairs(file, lq_size=24)


def test_a_damaged_file_and_a_missing_generator_are_told_at_once(file, tmp_path):
    damaged = tmp_path / "damaged.gsdd"
    damaged.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(FormatError):
        gsdd.DistilledPairs(damaged)
    with pytest.raises(GeneratorNotFoundError):
        gsdd.DistilledPairs(file, generator=str(tmp_path / "none.pth"))


def test_a_generator_of_one_s_own_is_taken(file, tmp_path):
    weights = tmp_path / "compact.safetensors"
    export(compact_generator(), weights)
    own = gsdd.DistilledPairs(file, generator=str(weights), use_hflip=False, use_rot=False)
    assert torch.equal(own[3]["gt"], gsdd.DistilledPairs(file, use_hflip=False, use_rot=False)[3]["gt"])


def test_decoding_is_told_when_the_dataset_is_made(file):
    heard = Heard()
    gsdd.DistilledPairs(file, device="cpu", monitor=heard)
    assert heard.stages == [("decode", done, COUNT) for done in (8, 16, 24, 32, COUNT)]
    assert heard.notes == []


def test_a_generator_is_never_run_in_a_worker(file):
    """What one must not do: open the file in each worker."""
    how = {"worker_init_fn": lambda worker: gsdd.DistilledPairs(file), "multiprocessing_context": "fork"}
    with pytest.raises(GsddError, match="was made in a DataLoader worker; make it before the DataLoader"):
        next(iter(DataLoader(range(1), num_workers=1, **how)))
