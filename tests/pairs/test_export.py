"""What `expand(to=...)` writes, read by the libraries that it is for."""

import json

import numpy as np
import pytest
import torch
import webdataset
from datasets import load_dataset
from killed.seen import contents

import gsdd
from gsdd.data.degradation import low_resolution
from gsdd.errors import OutputError, RecipeError
from gsdd.pairs import shards
from gsdd.pairs.expand import expand

CLASSES = ["animal"] * 5 + ["scene"] * 3 + ["thing"] * 4


@pytest.fixture(scope="module")
def images(small_file):
    """HR, and LR at x2 and x4, uint8 `[12, H, W, 3]`."""
    hr = gsdd.open(small_file).images()
    return [side.permute(0, 2, 3, 1).numpy() for side in (hr, low_resolution(hr, 2), low_resolution(hr, 4))]


@pytest.fixture
def in_threes(monkeypatch):
    """Shards of five pairs."""
    monkeypatch.setattr(shards, "PAIRS", 5)


# webdataset leaves the last file to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_reads_our_pixels(small_file, images, tmp_path, in_threes):
    expand(small_file, tmp_path / "w", to="webdataset", scales=(2, 4))
    tars = sorted(map(str, (tmp_path / "w").glob("*.tar")))
    assert [tar[-16:] for tar in tars] == ["pairs-000000.tar", "pairs-000001.tar", "pairs-000002.tar"]
    found = list(webdataset.WebDataset(tars, shardshuffle=False).decode("rgb8"))
    assert [sample["json"]["class"] for sample in found] == CLASSES
    for number, sample in enumerate(found):
        for name, side in zip(("hr.png", "lr_x2.png", "lr_x4.png"), images, strict=True):
            assert np.array_equal(sample[name], side[number])


def test_shards_are_the_same_bytes_again_and_a_lost_one_is_completed(small_file, tmp_path, in_threes):
    expand(small_file, tmp_path / "w", to="webdataset")
    before = contents(tmp_path / "w")
    assert expand(small_file, tmp_path / "w", to="webdataset").kept == 12
    (tmp_path / "w" / "pairs-000001.tar").unlink()
    assert expand(small_file, tmp_path / "w", to="webdataset").written == 5
    assert contents(tmp_path / "w") == before
    expand(small_file, tmp_path / "w", to="webdataset", force=True)
    assert contents(tmp_path / "w") == before


def test_imagefolder_is_read_by_datasets_with_our_pixels(small_file, images, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    expand(small_file, tmp_path / "i", to="imagefolder", scales=(2, 4))
    found = load_dataset("imagefolder", data_dir=str(tmp_path / "i"), split="train", cache_dir=str(tmp_path / "cache"))
    assert set(found.column_names) == {"hr", "lr_x2", "lr_x4", "class"}
    assert found["class"][:] == CLASSES
    for number, row in enumerate(found):
        for name, side in zip(("hr", "lr_x2", "lr_x4"), images, strict=True):
            assert np.array_equal(np.asarray(row[name]), side[number])


def test_an_imagefolder_is_a_folder_for_trainers_too(small_file, tmp_path):
    report = expand(small_file, tmp_path / "i", to="imagefolder")
    expand(small_file, tmp_path / "f")
    lines = (tmp_path / "i" / "metadata.jsonl").read_text().splitlines()
    assert json.loads(lines[5]) == {
        "hr_file_name": "HR/scene_000005.png",
        "lr_x4_file_name": "LR_x4/scene_000005.png",
        "class": "scene",
    }
    both = [contents(tmp_path / name) for name in ("i", "f")]
    assert {name: data for name, data in both[0].items() if name != "metadata.jsonl"} == both[1]
    assert "BasicSR" in report.trainers


def test_several_scales_have_folders_of_their_own_and_one_hr(small_file, images, tmp_path):
    report = expand(small_file, tmp_path / "s", scales=(3, 2))
    assert (report.hr_size, report.lr_size) == (60, 20)
    assert sorted(path.name for path in (tmp_path / "s").iterdir() if path.is_dir()) == ["HR", "LR_x2", "LR_x3"]
    hr = torch.from_numpy(images[0][:, :60, :60]).permute(0, 3, 1, 2)
    from PIL import Image

    for scale in (2, 3):
        for number, path in enumerate(sorted((tmp_path / "s" / f"LR_x{scale}").iterdir())):
            with Image.open(path) as image:
                wanted = low_resolution(hr[number : number + 1], scale)[0].permute(1, 2, 0).numpy()
                assert np.array_equal(np.asarray(image), wanted)


def test_another_form_of_the_same_file_is_not_mixed_in(small_file, tmp_path):
    expand(small_file, tmp_path / "a", to="webdataset")
    for options in ({}, {"to": "webdataset", "scales": (2,)}):
        with pytest.raises(OutputError, match="this file's images in another form"):
            expand(small_file, tmp_path / "a", **options)
    with pytest.raises(RecipeError, match="`to`: got 'lmdb'"):
        expand(small_file, tmp_path / "b", to="lmdb")
    with pytest.raises(RecipeError, match=r"`scale`: got \[2, 2\]"):
        expand(small_file, tmp_path / "b", scales=(2, 2))
