"""The main job on real photos: what a file holds, that it is reproducible, and what is refused before work begins."""

import hashlib
import random
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from heard import Heard
from recipes import SMALL, run

from gsdd.data.catalog import scan
from gsdd.data.crops import read_crops
from gsdd.distilled.latent_set import LatentSet, read_latents
from gsdd.errors import GeneratorError, OutputError, RecipeError, SourceError
from gsdd.features.resnet18 import LAYERS, calibrated_resnet18
from gsdd.formats import container as files
from gsdd.selection.starting import starting_crops


def small(photos: Path, target: Path, **options) -> LatentSet:
    run(photos, target, **(SMALL | {"ipc": 2} | options))
    return read_latents(target)


@pytest.fixture(scope="module")
def made(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return folder, small(photos, folder / "a.gsdd")


def test_the_file_says_what_it_was_made_of(photos, made):
    _, distilled = made
    catalog, manifest = scan(photos, min_size=32), distilled.manifest
    assert [(entry.name, entry.latents) for entry in manifest.classes] == [(c.name, 2) for c in catalog.classes]
    assert (manifest.source.images, manifest.source.bytes) == (catalog.images, catalog.bytes)
    assert manifest.source.sha256 == catalog.sha256
    assert manifest.recipe["lam"] == 0.1
    assert (manifest.run["inversion_steps"], manifest.run["iterations"]) == (4, 2)
    assert manifest.generator.name == "realesr-animevideov3"


def test_a_latent_stands_for_the_crop_that_its_source_index_names(photos, made):
    _, distilled = made
    catalog = scan(photos, min_size=32)
    crops = starting_crops(catalog, [2] * len(catalog.classes), 32, 0, "random")
    assert distilled.source_index.tolist() == [crop.photo_index for crop in crops]
    generator, _ = distilled.load_generator()
    images = distilled.decode(generator, range(len(crops))).numpy().astype(float)
    real = read_crops(catalog, crops, 32).astype(float)
    distances = ((images[:, None] - real[None]) ** 2).mean(axis=(2, 3, 4))
    assert (distances.argmin(axis=1) == np.arange(len(crops))).mean() > 0.9


def test_one_seed_gives_equal_bytes_and_another_seed_different_ones(photos, made):
    folder, _ = made
    small(photos, folder / "same.gsdd")
    small(photos, folder / "other.gsdd", seed=1)
    first = (folder / "a.gsdd").read_bytes()
    assert (folder / "same.gsdd").read_bytes() == first
    assert (folder / "other.gsdd").read_bytes() != first


def test_the_containers_hold_the_same(photos, made):
    folder, distilled = made
    twin = small(photos, folder / "a.h5", container="hdf5")
    assert torch.equal(twin.latents, distilled.latents)
    files.convert(folder / "a.h5", folder / "back.gsdd", container="safetensors")
    assert (folder / "back.gsdd").read_bytes() == (folder / "a.gsdd").read_bytes()


@pytest.mark.parametrize(("codec", "step"), [("fp32", 0.0), ("fp16", 1e-3)])
def test_codecs_keep_the_latents_to_their_precision(photos, made, codec, step, tmp_path):
    exact = small(photos, tmp_path / "exact.gsdd", codec="fp32").latents
    kept = small(photos, tmp_path / "kept.gsdd", codec=codec).latents
    assert float((exact - kept).abs().max()) <= step
    spread = exact.amax(dim=(2, 3)) - exact.amin(dim=(2, 3))
    assert bool(((exact - made[1].latents).abs() <= 0.501 * spread[..., None, None] / 255).all())


def test_resnet18_features_and_counts_a_class_work_too(photos, tmp_path):
    first = scan(photos, min_size=32).classes[0].name
    distilled = small(photos, tmp_path / "a.gsdd", features="resnet18", ipc={first: 3, "*": 1}, calibration=4)
    assert [entry.latents for entry in distilled.manifest.classes][:2] == [3, 1]


def test_the_file_names_feature_weights_by_their_digest_not_by_a_path(photos, tmp_path):
    weights = tmp_path / "resnet18.pth"
    torch.save(calibrated_resnet18(LAYERS, torch.rand(4, 3, 32, 32), 0, "theta", 0).state_dict(), weights)
    distilled = small(photos, tmp_path / "a.gsdd", features="resnet18", feature_weights=str(weights), ipc=1)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert distilled.manifest.recipe["feature_weights"] == f"sha256 {digest}"
    assert str(tmp_path).encode() not in (tmp_path / "a.gsdd").read_bytes()


def test_a_time_budget_that_was_too_short_is_told(photos, tmp_path):
    told = Heard()
    small(photos, tmp_path / "a.gsdd", time_budget=0.001, inversion_steps=4, iterations=3, monitor=told)
    assert told.notes[-1] == "cut by a time budget: 0 of 4 inversion_steps, 0 of 3 iterations"


def test_a_time_budget_ends_the_run_with_a_valid_file(photos, tmp_path):
    began = time.monotonic()
    distilled = small(photos, tmp_path / "a.gsdd", time_budget=8, inversion_steps=10**6, iterations=10**6)
    assert time.monotonic() - began < 16
    assert 0 < distilled.manifest.run["inversion_steps"] < 10**6
    assert 0 < distilled.manifest.run["iterations"] < 10**6


def test_global_generators_are_neither_read_nor_set(photos, made, tmp_path):
    def states():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state().tolist()

    before = states()
    small(photos, tmp_path / "a.gsdd")
    assert states() == before


def test_progress_passes_through_the_stages(photos, tmp_path):
    told = Heard()
    small(photos, tmp_path / "a.gsdd", monitor=told)
    stages = list(dict.fromkeys(stage for stage, _, _ in told.stages))
    assert stages == ["photos", "inversion", "matching", "signatures"]
    assert all(any(done == total for s, done, total in told.stages if s == stage) for stage in stages)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ipc": 0}, RecipeError),
        ({"ipc": 10**9}, RecipeError),
        ({"hr_size": 34}, RecipeError),
        ({"generator": "no-such-generator"}, GeneratorError),
        ({"device": "no-such-device"}, RecipeError),
        ({"iterations": -1}, RecipeError),
        ({"checkpoint_seconds": -1.0}, RecipeError),
        ({"dsa": "colour"}, RecipeError),
        ({"features": "resnet18", "feature_weights": "nowhere.pth"}, RecipeError),
    ],
)
def test_what_makes_no_run_is_refused_and_nothing_is_written(photos, tmp_path, options, error):
    with pytest.raises(error):
        small(photos, tmp_path / "a.gsdd", **options)
    assert not list(tmp_path.iterdir())


def test_photos_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(SourceError, match="nowhere"):
        small(tmp_path / "nowhere", tmp_path / "a.gsdd")


def test_nothing_is_replaced_unless_forced(photos, tmp_path):
    target = tmp_path / "a.gsdd"
    target.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists"):
        small(photos, target)
    assert target.read_bytes() == b"mine"
    assert len(small(photos, target, force=True)) > 0
