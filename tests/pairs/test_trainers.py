import json
import tomllib
from pathlib import Path

import pytest
import yaml

from gsdd.pairs.trainers import HR_ALONE, ON_THE_FLY, REAL_ESRGAN, configurations, crop_size
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

PUBLISHED = {
    "kernel_list": ["iso", "aniso", "generalized_iso", "generalized_aniso", "plateau_iso", "plateau_aniso"],
    "kernel_prob": [0.45, 0.25, 0.12, 0.03, 0.12, 0.03],
    "blur_kernel_size": 21,
    "sinc_prob": 0.1,
    "betag_range": [0.5, 4],
    "betap_range": [1, 2],
}
READERS = {"BasicSR": yaml.safe_load, "traiNNer-redux": yaml.safe_load, "neosr": tomllib.loads, "KAIR": json.loads}
HR, LR = "/data/pairs/HR", "/data/pairs/LR_x4"
COMMON = {"use_hflip": True, "use_rot": True, "num_worker_per_gpu": 4}
# BasicSR and KAIR count HR pixels of a crop, the other two LR pixels; KAIR gets a batch that three pairs fill.
WANTED = {
    "BasicSR": {
        **COMMON,
        "name": "pairs",
        "type": "PairedImageDataset",
        "dataroot_gt": HR,
        "dataroot_lq": LR,
        "io_backend": {"type": "disk"},
        "gt_size": 96,
        "batch_size_per_gpu": 16,
        "dataset_enlarge_ratio": 10667,
    },
    "traiNNer-redux": {
        **COMMON,
        "name": "pairs",
        "type": "pairedimagedataset",
        "dataroot_gt": [HR],
        "dataroot_lq": [LR],
        "lq_size": 24,
        "batch_size_per_gpu": 16,
        "dataset_enlarge_ratio": "auto",
    },
    "neosr": {
        **COMMON,
        "type": "paired",
        "dataroot_gt": HR,
        "dataroot_lq": LR,
        "patch_size": 24,
        "batch_size": 16,
        "dataset_enlarge_ratio": 10667,
    },
    "KAIR": {
        "name": "pairs",
        "dataset_type": "sr",
        "dataroot_H": HR,
        "dataroot_L": LR,
        "H_size": 96,
        "dataloader_shuffle": True,
        "dataloader_num_workers": 4,
        "dataloader_batch_size": 3,
    },
}


def tree(root="/data/pairs", stems=STEMS, image_format="png", hr_size=128, scale=4):
    return PairTree(Path(root), stems, image_format, hr_size, (scale,))


def read(texts, trainer):
    return READERS[trainer](texts[trainer])


def data(texts, trainer):
    return read(texts, trainer)["datasets"]["train"]


@pytest.mark.parametrize("trainer", WANTED)
def test_each_trainer_gets_its_folders_in_its_syntax_and_the_size_of_its_crops(trainer):
    texts = configurations(tree())
    assert read(texts, trainer)["scale"] == 4
    assert trainer != "KAIR" or read(texts, trainer)["n_channels"] == 3
    assert data(texts, trainer) == WANTED[trainer]


@pytest.mark.parametrize("name", AWKWARD)
def test_every_syntax_reads_back_any_path(name):
    texts = configurations(tree(f"/data/{name}"))
    hr, lr = f"/data/{name}/HR", f"/data/{name}/LR_x4"
    for trainer, folders in (("BasicSR", (hr, lr)), ("neosr", (hr, lr)), ("traiNNer-redux", ([hr], [lr]))):
        assert (data(texts, trainer)["dataroot_gt"], data(texts, trainer)["dataroot_lq"]) == folders
    assert data(texts, "KAIR")["dataroot_H"] == hr
    assert data(texts, "BasicSR")["name"] == data(texts, "KAIR")["name"] == name


def test_paths_are_absolute_since_trainers_run_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = configurations(tree("out"))
    assert data(texts, "BasicSR")["dataroot_gt"] == f"{tmp_path}/out/HR"
    assert data(texts, "KAIR")["dataroot_L"] == f"{tmp_path}/out/LR_x4"
    assert data(configurations(tree(".")), "BasicSR")["name"] == tmp_path.name


@pytest.mark.parametrize(("hr_size", "scale", "size"), [(128, 4, 96), (64, 4, 48), (512, 4, 192), (4, 4, 4), (8, 4, 4)])
def test_crops_are_smaller_than_the_images_and_fit_the_scale(hr_size, scale, size):
    assert crop_size(hr_size, scale) == size


def test_many_pairs_need_no_enlarging():
    many = configurations(tree(stems=tuple(f"sky_{n:06d}" for n in range(32_000))))
    assert data(many, "BasicSR")["dataset_enlarge_ratio"] == 1
    assert data(many, "KAIR")["dataloader_batch_size"] == 16


def test_class_folders_are_read_by_all_but_basicsr_which_is_told_what_to_do():
    texts = configurations(tree(stems=BY_CLASS))
    assert yaml.safe_load(texts["BasicSR"]) is None
    assert "without class folders" in texts["BasicSR"]
    assert data(texts, "traiNNer-redux")["dataroot_gt"] == [HR]
    assert data(texts, "neosr")["dataroot_gt"] == HR
    assert data(texts, "KAIR")["dataroot_H"] == HR


def test_webp_is_read_by_all_but_kair_which_is_told_what_to_do():
    texts = configurations(tree(image_format="webp"))
    assert texts["KAIR"].startswith("// ")
    assert "expand as PNG" in texts["KAIR"]
    assert data(texts, "BasicSR")["gt_size"] == 96


def test_types_that_degrade_hr_themselves_get_room_for_what_they_take_on_top():
    """Real-ESRGAN's kernels are those of its train_realesrgan_x4plus.yml."""
    texts = configurations(tree(hr_size=288))
    kernels = {name + end: value for name, value in PUBLISHED.items() for end in ("", "2")}
    wanted = {"type": "RealESRGANDataset", "dataroot_gt": HR, "meta_info": "/data/pairs/meta_info.txt", "gt_size": 256}
    got = yaml.safe_load(texts[REAL_ESRGAN])
    assert (got["scale"], got["gt_size"]) == (4, 256)
    train = got["datasets"]["train"]
    assert wanted.items() <= train.items()
    assert kernels.items() <= train.items()
    assert (train["blur_sigma"], train["blur_sigma2"], train["final_sinc_prob"]) == ([0.2, 3], [0.2, 1.5], 0.8)
    fly, alone = (yaml.safe_load(texts[name]) for name in (ON_THE_FLY, HR_ALONE))
    assert fly["high_order_degradation"]
    assert (fly["datasets"]["train"]["type"], fly["datasets"]["train"]["lq_size"]) == ("realesrgandataset", 64)
    assert (alone["datasets"]["train"]["type"], alone["datasets"]["train"]["lq_size"]) == ("singlegtdataset", 48)
    assert "dataroot_lq" not in fly["datasets"]["train"].keys() | alone["datasets"]["train"].keys()


def test_too_small_hr_for_these_types_is_told():
    assert "compress with a larger HR size" in configurations(tree(hr_size=32))[ON_THE_FLY]


def test_each_scale_has_texts_of_its_own():
    texts = configurations(PairTree(Path("/data/pairs"), STEMS, "png", 120, (2, 3)))
    assert yaml.safe_load(texts["BasicSR, x2"])["datasets"]["train"]["dataroot_lq"] == "/data/pairs/LR_x2"
    assert yaml.safe_load(texts["BasicSR, x3"])["datasets"]["train"]["dataroot_lq"] == "/data/pairs/LR_x3"
    assert tomllib.loads(texts["neosr, x3"])["scale"] == 3
