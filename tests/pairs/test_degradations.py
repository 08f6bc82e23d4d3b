"""LR that is made when it is served: by Real-ESRGAN's process, by a user's function, or not at all."""

import pytest
import torch
from torch.utils.data import DataLoader

import gsdd
from gsdd.data.degradation import downscale
from gsdd.data.real_esrgan.process import RealESRGAN
from gsdd.data.served import Draw
from gsdd.errors import RecipeError
from gsdd.randomness import torch_stream

SIZE = 48


def noisy(hr, generator):
    """A user's degradation: noise, then every other pixel."""
    return (hr + 0.1 * torch.randn(hr.shape, generator=generator))[:, ::2, ::2]


def batches(pairs, workers, collate=None, sampler=None):
    loader = DataLoader(pairs, batch_size=5, num_workers=workers, collate_fn=collate, sampler=sampler)
    return [{key: batch[key] for key in ("lq", "gt")} for _ in range(2) for batch in loader]


def same(some, others):
    return len(some) == len(others) and all(
        torch.equal(one[key], other[key]) for one, other in zip(some, others, strict=True) for key in one
    )


@pytest.mark.parametrize("lr", ["realesrgan", noisy])
def test_items_are_equal_for_any_number_of_workers_and_either_collation(small_file, lr):
    pairs = gsdd.DistilledPairs(small_file, scale=2, lr=lr, gt_size=SIZE, seed=5)
    wanted = batches(pairs, 0)
    for workers, collate in ((2, None), (2, pairs.collate), (0, pairs.collate)):
        pairs.set_epoch(0)
        assert same(batches(pairs, workers, collate), wanted)
    assert not torch.equal(wanted[0]["lq"], wanted[3]["lq"])


def test_an_item_is_the_process_of_its_crop_by_seed_pair_and_visit(small_file):
    pairs = gsdd.DistilledPairs(small_file, lr="realesrgan", gt_size=SIZE, seed=5, repeat=2)
    item = pairs.item(12 + 7, 3)
    low = RealESRGAN(4)(item["gt"][None], [Draw(5, 7, 1 + 2 * 3)])
    assert torch.equal(item["lq"], low[0])


def test_a_function_gets_hr_and_a_generator_of_seed_pair_and_visit(small_file):
    item = gsdd.DistilledPairs(small_file, scale=2, lr=noisy, gt_size=SIZE, seed=5).item(7, 3)
    stream = torch_stream(5, "degradation of a pair", 7, 3)
    assert torch.equal(item["lq"], noisy(item["gt"], stream))


def test_a_training_that_is_resumed_sees_what_it_would_have_seen(small_file):
    def served(state=None, steps=4):
        pairs = gsdd.DistilledPairs(small_file, lr="realesrgan", gt_size=SIZE)
        sampler = gsdd.ResumableSampler(pairs)
        if state:
            sampler.load_state_dict(state)
        found = []
        while len(found) < steps:
            for number, batch in enumerate(DataLoader(pairs, batch_size=6, sampler=sampler, num_workers=1), 1):
                found.append((batch["lq"], sampler.state_dict(taken=6 * number)))
        return found[:steps]

    whole = served()
    resumed = served(whole[0][1], steps=3)
    assert all(torch.equal(one[0], other[0]) for one, other in zip(whole[1:], resumed, strict=True))


@pytest.mark.parametrize(("keys", "names"), [("lqgt", ["gt", "gt_path"]), ("LH", ["H", "H_path"])])
def test_none_serves_hr_alone(small_file, keys, names):
    pairs = gsdd.DistilledPairs(small_file, lr=None, gt_size=47, keys=keys, use_hflip=False, use_rot=False)
    item = pairs[3]
    assert list(item) == names
    whole = gsdd.open(small_file).images(3) / 255
    places = [(top, left) for top in range(18) for left in range(18)]
    assert sum(torch.equal(item[names[0]], whole[:, top : top + 47, left : left + 47]) for top, left in places) == 1


def test_whole_images_are_cut_to_a_multiple_of_the_scale(small_file):
    item = gsdd.DistilledPairs(small_file, lr="realesrgan", scale=3)[0]
    assert (item["gt"].shape, item["lq"].shape) == ((3, 63, 63), (3, 21, 21))


def test_a_function_without_randomness_is_taken_as_it_is(small_file):
    pairs = gsdd.DistilledPairs(small_file, lr=lambda hr, generator: downscale(hr[None], 4)[0], use_hflip=False)
    item = pairs[2]
    assert torch.equal(item["lq"], downscale(item["gt"][None], 4)[0])


def test_what_is_no_lr_of_that_scale_is_refused_by_name(small_file):
    pairs = gsdd.DistilledPairs(small_file, scale=4, lr=noisy, gt_size=SIZE)
    with pytest.raises(
        RecipeError, match=r"`lr`: noisy made torch.float32 \[3, 24, 24\] of HR .*wanted .*\[3, 12, 12\]"
    ):
        pairs[0]
    with pytest.raises(RecipeError, match="`lr`: got 'bsrgan', wanted 'bicubic', 'realesrgan', a function"):
        gsdd.DistilledPairs(small_file, lr="bsrgan")


def test_a_sampler_s_state_is_of_the_degradation_too(small_file):
    states = [
        gsdd.ResumableSampler(gsdd.DistilledPairs(small_file, lr=lr, scale=scale)).state_dict()
        for lr, scale in (("bicubic", 4), ("realesrgan", 4), ("bicubic", 2))
    ]
    assert len({str(state["lr"]) for state in states}) == 3
