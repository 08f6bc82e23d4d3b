"""The noun: a .gsdd file as one object."""

import pytest
import torch

import gsdd
from gsdd.data.degradation import low_resolution, to_float
from gsdd.distilled.latent_set import read_latents
from gsdd.errors import RecipeError

GOLDEN = __file__.replace("test_api.py", "golden/")


@pytest.fixture(scope="module")
def file(small_file):
    return gsdd.open(small_file)


def test_it_has_latents_classes_and_a_recipe(file, small_file):
    inner = read_latents(small_file)
    assert len(file) == len(inner) == sum(file.classes.values())
    assert list(file.classes) == list(inner.class_names)
    assert torch.equal(file.latents(), inner.latents)
    assert torch.equal(file.latents(-1), inner.latents[-1])
    assert torch.equal(file.latents(slice(2, 5)), inner.latents[2:5])
    assert gsdd.open(f"{GOLDEN}uint8.gsdd").recipe.crops.hr_size == 32
    assert repr(file) == f"Distilled('small.gsdd', {len(file)} latents, {len(file.classes)} classes)"


def test_images_are_those_of_the_generator(file, small_file):
    inner = read_latents(small_file)
    generator, _ = inner.load_generator()
    wanted = inner.decode(generator, slice(None))
    assert torch.equal(file.images(), wanted)
    assert torch.equal(file.images(3), wanted[3])
    assert torch.equal(file.images(slice(4, 6)), wanted[4:6])


def test_an_item_is_a_whole_pair(file):
    item, hr = file[-1], file.images(-1)
    assert torch.equal(item["gt"], to_float(hr))
    assert torch.equal(item["lq"], to_float(low_resolution(hr[None], 4))[0])
    pairs = file.pairs(use_hflip=False, use_rot=False)
    assert all(torch.equal(pairs[len(file) - 1][key], item[key]) for key in ("lq", "gt"))
    assert item["gt_path"] == pairs[len(file) - 1]["gt_path"]
    with pytest.raises(IndexError):
        file[len(file)]


def test_it_expands_verifies_and_tells_what_it_saves(file, source, tmp_path):
    assert file.expand(tmp_path / "pairs").written == len(file)
    seen = file.verify(decode=True)
    assert (seen.latents, seen.problem) == (len(file), None)
    assert file.savings(source).latents == len(file)


def test_a_merged_file_has_the_recipe_that_its_runs_share_or_none(tmp_path):
    merged = gsdd.open(f"{GOLDEN}merged.gsdd")
    assert len(merged) == 6
    assert merged.recipe == gsdd.open(f"{GOLDEN}uint8.gsdd").recipe
    merged.manifest.run["origins"][0]["recipe"]["seed"] = 9
    with pytest.raises(RecipeError, match="merged from 2 runs with different recipes"):
        _ = merged.recipe


def test_a_generator_that_is_not_the_files_is_refused(small_file):
    other = gsdd.open(small_file, generator="realesrgan-x4plus-anime")
    with pytest.raises(gsdd.GsddError, match="fingerprint"):
        other.images(0)
