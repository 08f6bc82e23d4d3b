"""Sizes of HR and scales of generators, end to end: photos, file, items, and what a dry run tells of them."""

import pytest
import torch
from PIL import Image

import gsdd
from gsdd.data.degradation import downscale
from gsdd.distilled.latent_set import read_latents
from gsdd.errors import RecipeError
from gsdd.integrations.basicsr import DistilledPairsDataset, DistilledRealESRGANDataset
from gsdd.run.dry_run import dry_run
from gsdd.students.named import build

STEPS = {"inversion.steps": 1, "matching.iterations": 1, "crops.real": 2, "crops.ipc": 1, "features.filters": 32}


@pytest.fixture(scope="module")
def large(photos, tmp_path_factory):
    """Two photos of 540x520, enlarged real ones."""
    folder = tmp_path_factory.mktemp("large")
    for number, path in enumerate(sorted(path for path in photos.rglob("*.*") if path.is_file())[:2]):
        (folder / f"class{number}").mkdir()
        with Image.open(path) as photo:
            photo.convert("RGB").resize((540, 520)).save(folder / f"class{number}" / "a.png")
    return folder


def tiny(folder, scale):
    """A user's .pth of a compact network of that scale."""
    network = build("compact", 1, options={"num_feat": 8, "num_conv": 1}, scale=scale)
    torch.save({"params": network.state_dict()}, folder / f"x{scale}.pth")
    return str(folder / f"x{scale}.pth")


def compressed(large, folder, hr_size, scale=4, make=gsdd.compress):
    recipe = gsdd.Recipe().changed({**STEPS, "crops.hr_size": hr_size, "generator": tiny(folder, scale)})
    return make(large, folder / "a.gsdd", recipe=recipe, device="cpu")


@pytest.mark.parametrize(("hr_size", "scale"), [(64, 2), (64, 8), (66, 2)])
def test_a_generator_of_any_scale_has_latents_of_hr_over_its_scale(large, tmp_path, hr_size, scale):
    if hr_size % 4:
        with pytest.raises(RecipeError, match="wanted a multiple of 4"):
            compressed(large, tmp_path, hr_size, scale)
        return
    compressed(large, tmp_path, hr_size, scale)
    found = read_latents(tmp_path / "a.gsdd")
    assert found.manifest.generator.scale == scale
    assert list(found.latents.shape) == [2, 3, hr_size // scale, hr_size // scale]
    weights = str(tmp_path / f"x{scale}.pth")
    pairs = gsdd.DistilledPairs(tmp_path / "a.gsdd", generator=weights, use_hflip=False, use_rot=False)
    item = pairs[1]
    lr = downscale(item["gt"][None], 4).clamp(0, 1).mul(255).round().div(255)
    assert torch.equal(item["lq"], lr[0])


@pytest.mark.parametrize(("hr_size", "lq_size"), [(256, 64), (288, 64), (512, 128)])
def test_trainers_items_of_that_size_come_out_of_the_file(large, tmp_path, hr_size, lq_size):
    compressed(large, tmp_path, hr_size)
    options = {"name": "a", "file": str(tmp_path / "a.gsdd"), "generator": str(tmp_path / "x4.pth"), "scale": 4}
    item = DistilledPairsDataset({**options, "lq_size": lq_size})[0]
    assert (item["lq"].shape[-1], item["gt"].shape[-1]) == (lq_size, 4 * lq_size)
    if hr_size == 288:
        assert DistilledRealESRGANDataset({**options, "lq_size": 64})[0]["gt"].shape == (3, 288, 288)
    else:
        with pytest.raises(RecipeError, match=f"compress the photos with `hr_size={4 * lq_size + 32}`"):
            DistilledRealESRGANDataset({**options, "lq_size": lq_size})


def test_a_dry_run_tells_memory_and_time_of_a_size(large, tmp_path):
    told = compressed(large, tmp_path, 256, make=dry_run)
    # Of each latent: z before and after, two moments of Adam, and all of that once more in a checkpoint; float32.
    assert told["memory_bytes"]["latents"] == 2 * (3 * 64 * 64) * 4 * 8
    assert min(told["seconds"]["total"], told["memory_bytes"]["total"]) > 0
    assert not (tmp_path / "a.gsdd").exists()
