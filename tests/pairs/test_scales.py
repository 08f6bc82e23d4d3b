"""Pairs at every scale, made of one file: LR is `downscale` of the decoded HR, bit for bit."""

import pytest
import torch
from pairs.numpy_bicubic import downscale_by_hand
from pairs.small_file import compact_generator, write_pairs

import gsdd
from gsdd.data.degradation import downscale
from gsdd.distilled.latent_set import read_latents
from gsdd.errors import RecipeError

COUNT = 9
# 64 is no multiple of 3: HR is cut at the right and the bottom.
SIDES = {1: 64, 2: 64, 3: 63, 4: 64, 8: 64}


@pytest.fixture(scope="module")
def file(photos, tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("scales") / "ost.gsdd", photos, COUNT)


@pytest.fixture(scope="module")
def images(file):
    """HR as the generator makes it, in [0, 1]."""
    return read_latents(file).decode(compact_generator(), range(COUNT)).float() / 255


def rounded(image):
    return (image.clamp(0, 1) * 255).round() / 255


@pytest.mark.parametrize("scale", SIDES)
def test_items_are_downscale_of_the_decoded_hr(file, images, scale):
    pairs, side = gsdd.DistilledPairs(file, scale=scale, use_hflip=False, use_rot=False), SIDES[scale]
    hr = images[..., :side, :side]
    lr = rounded(downscale(hr, scale))
    for number in range(COUNT):
        assert torch.equal(pairs[number]["gt"], hr[number])
        assert torch.equal(pairs[number]["lq"], lr[number])


@pytest.mark.parametrize("scale", SIDES)
def test_lr_is_antialiased_bicubic_by_the_formula(file, images, scale):
    side = SIDES[scale]
    item = gsdd.DistilledPairs(file, scale=scale, use_hflip=False, use_rot=False)[4]
    expected = downscale_by_hand(images[4, :, :side, :side].mul(255).double().numpy(), scale)
    assert abs(item["lq"].mul(255).numpy() - expected).max() < 0.51


@pytest.mark.parametrize("scale", [2, 3, 8])
def test_crops_are_aligned_at_each_scale(file, scale):
    pairs = gsdd.DistilledPairs(file, scale=scale, gt_size=24)
    for number in range(COUNT):
        item = pairs[number]
        assert item["gt"].shape == (3, 24, 24)
        assert item["lq"].shape == (3, 24 // scale, 24 // scale)
        # The inner pixels of LR see nothing beyond the crop.
        inner = (rounded(downscale(item["gt"][None], scale))[0] - item["lq"])[:, 2:-2, 2:-2]
        assert inner.numel() == 0 or inner.abs().max() < 1.01 / 255


def test_a_cache_holds_the_pairs_of_each_scale(file, tmp_path):
    for scale in (2, 4, 2):
        gsdd.DistilledPairs(file, scale=scale, cache=tmp_path)
    assert sorted(path.name.rpartition("-")[2] for path in tmp_path.iterdir()) == ["x2.pairs", "x4.pairs"]
    assert gsdd.DistilledPairs(file, scale=2, cache=tmp_path)[0]["lq"].shape == (3, 32, 32)


@pytest.mark.parametrize("scale", [0, 5, 2.0, True, "2"])
def test_other_scales_are_refused(file, scale):
    with pytest.raises(RecipeError, match=r"`scale`: got .*, wanted one of 1, 2, 3, 4, 8"):
        gsdd.DistilledPairs(file, scale=scale)


def test_a_crop_that_the_scale_does_not_divide_is_refused(file):
    with pytest.raises(RecipeError, match="`gt_size`: got 32, wanted a multiple of 3 up to 63"):
        gsdd.DistilledPairs(file, scale=3, gt_size=32)


def test_a_crop_larger_than_the_images_says_what_to_compress_with(file):
    with pytest.raises(RecipeError, match=r"up to 64, .*; compress the photos with `hr_size=256` or more"):
        gsdd.DistilledPairs(file, gt_size=256)
