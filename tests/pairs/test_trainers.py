import json
import tomllib
from pathlib import Path

import pytest
import yaml

from gsdd.pairs.trainers import configurations, crop_size
from gsdd.pairs.tree import PairTree

STEMS = ("sky_000000", "sky_000001", "plant_000002")
BY_CLASS = ("sky/sky_000000", "plant/plant_000001")
AWKWARD = [
    "pairs",
    "two words",
    'a "quoted" name',
    "it's",
    "back\\slash",
    "Größe 日本 🙂",
    "tab\there",
    "line\nbreak",
    "delete\x7f",
    "separator\u2028",
    "~",
    "# no comment",
    "a: b",
    "{}",
    "null",
    "- item",
]


def tree(root="/data/pairs", stems=STEMS, image_format="png", hr_size=128, scale=4):
    return PairTree(Path(root), stems, image_format, hr_size, scale)


def basicsr(text):
    return yaml.safe_load(text)["datasets"]["train"]


def kair(text):
    return json.loads(text)["datasets"]["train"]


def neosr(text):
    return tomllib.loads(text)["datasets"]["train"]


def test_basicsr_gets_its_folders_and_the_size_of_hr_crops():
    text = configurations(tree())["BasicSR"]
    assert yaml.safe_load(text)["scale"] == 4
    assert basicsr(text) == {
        "name": "pairs",
        "type": "PairedImageDataset",
        "dataroot_gt": "/data/pairs/HR",
        "dataroot_lq": "/data/pairs/LR_x4",
        "io_backend": {"type": "disk"},
        "gt_size": 96,
        "use_hflip": True,
        "use_rot": True,
        "num_worker_per_gpu": 4,
        "batch_size_per_gpu": 16,
        "dataset_enlarge_ratio": 10667,
    }


def test_trainner_redux_gets_lists_of_folders_and_the_size_of_lr_crops():
    text = configurations(tree())["traiNNer-redux"]
    assert yaml.safe_load(text)["scale"] == 4
    assert basicsr(text) == {
        "name": "pairs",
        "type": "pairedimagedataset",
        "dataroot_gt": ["/data/pairs/HR"],
        "dataroot_lq": ["/data/pairs/LR_x4"],
        "lq_size": 24,
        "use_hflip": True,
        "use_rot": True,
        "num_worker_per_gpu": 4,
        "batch_size_per_gpu": 16,
        "dataset_enlarge_ratio": "auto",
    }


def test_neosr_gets_toml_and_the_size_of_lr_crops():
    text = configurations(tree())["neosr"]
    assert tomllib.loads(text)["scale"] == 4
    assert neosr(text) == {
        "type": "paired",
        "dataroot_gt": "/data/pairs/HR",
        "dataroot_lq": "/data/pairs/LR_x4",
        "patch_size": 24,
        "use_hflip": True,
        "use_rot": True,
        "num_worker_per_gpu": 4,
        "batch_size": 16,
        "dataset_enlarge_ratio": 10667,
    }


def test_kair_gets_json_and_a_batch_that_the_pairs_fill():
    text = configurations(tree())["KAIR"]
    assert json.loads(text)["scale"] == 4
    assert json.loads(text)["n_channels"] == 3
    assert kair(text) == {
        "name": "pairs",
        "dataset_type": "sr",
        "dataroot_H": "/data/pairs/HR",
        "dataroot_L": "/data/pairs/LR_x4",
        "H_size": 96,
        "dataloader_shuffle": True,
        "dataloader_num_workers": 4,
        "dataloader_batch_size": 3,
    }


@pytest.mark.parametrize("name", AWKWARD)
def test_every_syntax_reads_back_any_path(name):
    texts = configurations(tree(f"/data/{name}"))
    hr, lr = f"/data/{name}/HR", f"/data/{name}/LR_x4"
    for train in (basicsr(texts["BasicSR"]), neosr(texts["neosr"])):
        assert (train["dataroot_gt"], train["dataroot_lq"]) == (hr, lr)
    assert basicsr(texts["traiNNer-redux"])["dataroot_gt"] == [hr]
    assert basicsr(texts["traiNNer-redux"])["dataroot_lq"] == [lr]
    assert kair(texts["KAIR"])["dataroot_H"] == hr
    assert all(train["name"] == name for train in (basicsr(texts["BasicSR"]), kair(texts["KAIR"])))


def test_paths_are_absolute_since_trainers_run_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = configurations(tree("out"))
    assert basicsr(texts["BasicSR"])["dataroot_gt"] == f"{tmp_path}/out/HR"
    assert kair(texts["KAIR"])["dataroot_L"] == f"{tmp_path}/out/LR_x4"
    assert basicsr(configurations(tree("."))["BasicSR"])["name"] == tmp_path.name


@pytest.mark.parametrize(("hr_size", "scale", "size"), [(128, 4, 96), (64, 4, 48), (512, 4, 192), (4, 4, 4), (8, 4, 4)])
def test_crops_are_smaller_than_the_images_and_fit_the_scale(hr_size, scale, size):
    assert crop_size(hr_size, scale) == size


def test_many_pairs_need_no_enlarging():
    many = configurations(tree(stems=tuple(f"sky_{n:06d}" for n in range(32_000))))
    assert basicsr(many["BasicSR"])["dataset_enlarge_ratio"] == 1
    assert kair(many["KAIR"])["dataloader_batch_size"] == 16


def test_class_folders_are_read_by_all_but_basicsr_which_is_told_what_to_do():
    texts = configurations(tree(stems=BY_CLASS))
    assert yaml.safe_load(texts["BasicSR"]) is None
    assert "without class folders" in texts["BasicSR"]
    assert basicsr(texts["traiNNer-redux"])["dataroot_gt"] == ["/data/pairs/HR"]
    assert neosr(texts["neosr"])["dataroot_gt"] == "/data/pairs/HR"
    assert kair(texts["KAIR"])["dataroot_H"] == "/data/pairs/HR"


def test_webp_is_read_by_all_but_kair_which_is_told_what_to_do():
    texts = configurations(tree(image_format="webp"))
    assert texts["KAIR"].startswith("// ")
    assert "expand as PNG" in texts["KAIR"]
    assert basicsr(texts["BasicSR"])["gt_size"] == 96
