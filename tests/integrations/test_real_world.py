"""Items for models that make LR themselves, from a .gsdd file."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import gsdd
from gsdd.data.real_esrgan.options import KERNEL_NAMES
from gsdd.errors import RecipeError
from gsdd.integrations.basicsr import DistilledGtDataset, DistilledRealESRGANDataset

KERNELS = ("kernel1", "kernel2", "sinc_kernel")


@dataclass
class TrainnerOptions:
    """As traiNNer-redux's DatasetOptions, whose kernels have values where a configuration gives none."""

    name: str
    type: str
    scale: int | None = 4
    gt_size: int | None = None
    dataroot_gt: list[str] | None = None
    kernel_list: list[str] = field(default_factory=lambda: list(KERNEL_NAMES))
    kernel_range: tuple[int, int] = (5, 17)
    sinc_prob: float = 0
    final_sinc_prob: float = 0
    meta_info: str | None = None


TrainnerOptions.__struct_fields__ = tuple(TrainnerOptions.__dataclass_fields__)


def test_an_item_is_hr_with_room_for_the_margin_and_three_kernels(small_file):
    dataset = DistilledRealESRGANDataset({"name": "a", "file": str(small_file), "gt_size": 32, "seed": 3})
    item = dataset[5]
    assert list(item) == ["gt", "gt_path", *KERNELS]
    assert torch.equal(item["gt"], gsdd.DistilledPairs(small_file, lr=None, gt_size=64, seed=3)[5]["gt"])
    for name in KERNELS:
        assert (item[name].dtype, list(item[name].shape)) == (torch.float32, [21, 21])
        assert item[name].sum().item() == pytest.approx(1, abs=1e-5)


def test_kernels_are_a_function_of_seed_pair_and_visit(small_file):
    def served(workers, seed=3):
        dataset = DistilledRealESRGANDataset({"file": str(small_file), "seed": seed})
        return [batch for _ in range(2) for batch in DataLoader(dataset, batch_size=6, num_workers=workers)]

    alone, shared, other = served(0), served(2), served(0, seed=4)
    assert all(torch.equal(one[name], two[name]) for one, two in zip(alone, shared, strict=True) for name in KERNELS)
    assert not any(torch.equal(one["kernel1"], two["kernel1"]) for one, two in zip(alone, other, strict=True))
    assert not torch.equal(alone[0]["kernel1"], alone[2]["kernel1"])


def test_a_trainer_s_own_values_of_the_kernels_are_taken(small_file):
    options = TrainnerOptions("a", "", dataroot_gt=[str(small_file)])
    dataset = DistilledRealESRGANDataset(options)
    for number in range(12):
        item = dataset[number]
        assert item["kernel1"][:2].abs().max() == 0  # 17 of 21 pixels
        assert item["kernel1"].min() >= 0  # no sinc filter
        assert np.array_equal(item["sinc_kernel"].nonzero().numpy(), [[10, 10]])


def test_one_shape_of_kernels_may_be_asked_for(small_file):
    shapes = {
        "kernel_list": ["iso"],
        "kernel_prob": [1],
        "sinc_prob": 0,
        "blur_sigma": [2, 2],
        "kernel_range": [21, 21],
    }
    kernel = DistilledRealESRGANDataset({"file": str(small_file), **shapes})[0]["kernel1"].double()
    places = np.arange(-10, 11)
    line = np.exp(-(places**2) / 8)
    assert torch.allclose(kernel, torch.from_numpy(np.outer(line, line) / line.sum() ** 2), atol=1e-7)


def test_shapes_that_there_are_not_are_refused(small_file):
    with pytest.raises(RecipeError, match=r"`kernel_list2`: got .*skew.* wanted some of iso, aniso"):
        DistilledRealESRGANDataset({"file": str(small_file), "kernel_list2": ["skew"], "kernel_prob2": [1]})


def test_a_file_that_is_too_small_says_what_to_compress_with(small_file):
    with pytest.raises(RecipeError, match="`hr_size=288` or more"):
        DistilledRealESRGANDataset({"file": str(small_file), "gt_size": 256})


def test_hr_alone_has_the_names_that_logs_want(small_file):
    options = {
        "file": str(small_file),
        "gt_size": 48,
        "lq_resize_mode": "bicubic",
        "use_hflip": False,
        "use_rot": False,
    }
    item = DistilledGtDataset(options)[4]
    assert torch.equal(
        item.pop("gt"), gsdd.DistilledPairs(small_file, lr=None, gt_size=48, use_hflip=False, use_rot=False)[4]["gt"]
    )
    name = gsdd.open(small_file)[4]["gt_path"]
    assert item == {"gt_path": name, "lq_path": name, "lq_resize_mode": "bicubic"}


def test_both_refuse_what_they_do_not_know(small_file):
    for kind in (DistilledGtDataset, DistilledRealESRGANDataset):
        with pytest.raises(RecipeError, match=f"{kind.__name__} a: got the options mean, which"):
            kind({"name": "a", "file": str(small_file), "mean": [0.5]})
