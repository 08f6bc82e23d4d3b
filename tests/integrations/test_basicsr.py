import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch
from torch.utils.data import DataLoader

import gsdd
from gsdd.errors import MissingExtraError, RecipeError
from gsdd.integrations.basicsr import DistilledPairsDataset, register

# What `gsdd expand` prints for BasicSR, with what BasicSR's parse_options adds to it.
BOOKKEEPING = {
    "name": "small",
    "type": "DistilledPairsDataset",
    "phase": "train",
    "scale": 4,
    "io_backend": {"type": "disk"},
    "num_worker_per_gpu": 4,
    "batch_size_per_gpu": 16,
    "dataset_enlarge_ratio": 100,
    "prefetch_mode": None,
    "pin_memory": True,
    "persistent_workers": True,
}

REGISTRY = """
class Registry:
    objects = {}

    def register(self, kind):
        name = kind.__name__<LOWER>
        assert name not in self.objects, f"An object named '{name}' was already registered"
        self.objects[name] = kind

    def __iter__(self):
        return iter(self.objects.items())

DATASET_REGISTRY = Registry()
"""


@dataclass
class TrainnerOptions:
    """As traiNNer-redux's DatasetOptions: one structure for all dataset types, no key beyond its fields."""

    name: str
    type: str
    phase: str | None = None
    scale: int | None = None
    gt_size: int | None = None
    lq_size: int | None = None
    use_hflip: bool = True
    use_rot: bool = True
    mean: list[float] | None = None
    dataroot_gt: str | list[str] | None = None
    blur_kernel_size: int = 12


TrainnerOptions.__struct_fields__ = tuple(TrainnerOptions.__dataclass_fields__)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a package with such a registry where Python finds it, and forget it afterwards."""

    def write(name, source):
        (tmp_path / name / "utils").mkdir(parents=True)
        (tmp_path / name / "utils" / "registry.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        for module in (name, f"{name}.utils", f"{name}.utils.registry"):
            monkeypatch.delitem(sys.modules, module, raising=False)

    yield write
    for module in [module for module in sys.modules if module.split(".")[0] in ("basicsr", "traiNNer")]:
        del sys.modules[module]


def same(item, other):
    images = all(torch.equal(item[side], other[side]) for side in ("lq", "gt"))
    return images and all(item[path] == other[path] for path in ("lq_path", "gt_path"))


def test_importing_the_module_imports_neither_trainer_nor_torch():
    code = "import sys, gsdd.integrations.basicsr; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"basicsr", "traiNNer", "torch", "torchvision", "cv2"} & set(loaded)


def test_registering_without_the_trainer_says_what_is_missing():
    with pytest.raises(MissingExtraError, match="cannot import basicsr: No module named 'basicsr'"):
        register()
    with pytest.raises(MissingExtraError, match="cannot import traiNNer"):
        register("traiNNer")


def test_a_trainer_that_fails_to_import_says_why(install):
    install("basicsr", "import torchvision.transforms.functional_tensor")
    with pytest.raises(MissingExtraError, match="functional_tensor"):
        register()


def test_a_trainer_without_such_a_registry_is_refused():
    with pytest.raises(RecipeError, match="'basicsr' or 'traiNNer'"):
        register("neosr")


@pytest.mark.parametrize(
    ("trainer", "lower", "name"),
    [("basicsr", "", "DistilledPairsDataset"), ("traiNNer", ".lower()", "distilledpairsdataset")],
)
def test_registering_adds_the_type_once(install, trainer, lower, name):
    install(trainer, REGISTRY.replace("<LOWER>", lower))
    register(trainer)
    register(trainer)
    known = sys.modules[f"{trainer}.utils.registry"].DATASET_REGISTRY.objects
    assert len(known) == 3
    assert known[name] is DistilledPairsDataset


def test_another_type_of_that_name_is_not_replaced(install):
    install("basicsr", REGISTRY.replace("<LOWER>", "") + "\nDATASET_REGISTRY.objects['DistilledPairsDataset'] = object")
    with pytest.raises(AssertionError, match="already registered"):
        register()


def test_options_of_a_configuration_become_those_of_distilled_pairs(small_file):
    chosen = {"gt_size": 48, "use_hflip": False, "use_rot": True, "repeat": 3, "seed": 5}
    dataset = DistilledPairsDataset({**BOOKKEEPING, "file": str(small_file), **chosen})
    expected = gsdd.DistilledPairs(small_file, **chosen)
    assert len(dataset) == len(expected) == 36
    for index in (0, 11, 12, 35):
        item = dataset[index]
        assert item["gt"].shape == (3, 48, 48)
        assert item["lq"].shape == (3, 12, 12)
        assert same(item, expected[index])


def test_a_loader_with_workers_takes_it(small_file):
    dataset = DistilledPairsDataset({**BOOKKEEPING, "file": str(small_file), "gt_size": 48})
    batch = next(iter(DataLoader(dataset, batch_size=12, num_workers=1)))
    assert batch["gt"].shape == (12, 3, 48, 48)
    assert batch["gt_path"][11] == "small.gsdd::thing/000011"


def test_validation_sees_whole_images_as_they_are(small_file):
    options = {
        **BOOKKEEPING,
        "phase": "val",
        "file": str(small_file),
        "gt_size": 48,
        "use_hflip": True,
        "use_rot": True,
    }
    dataset = DistilledPairsDataset(options)
    assert torch.equal(dataset[7]["gt"], gsdd.open(small_file).images(7) / 255)


def test_the_structure_of_trainner_gives_the_same_pairs(small_file):
    options = TrainnerOptions("small", "distilledpairsdataset", "train", 4, dataroot_gt=[str(small_file)], lq_size=12)
    dataset = DistilledPairsDataset(options)
    assert same(dataset[3], gsdd.DistilledPairs(small_file, gt_size=48)[3])
    assert dataset.opt.name == "small"  # its validation reads this
    assert dataset.label == "image pairs"  # and its log this


def test_a_home_folder_is_found(small_file, monkeypatch):
    monkeypatch.setenv("HOME", str(small_file.parent))
    assert len(DistilledPairsDataset({"file": "~/small.gsdd"})) == 12


def test_an_option_it_does_not_know_is_refused_by_name(small_file):
    with pytest.raises(RecipeError, match="small: got the options gt_sizes, mean, which"):
        DistilledPairsDataset({**BOOKKEEPING, "file": str(small_file), "mean": [0.5], "gt_sizes": 48})
    with pytest.raises(RecipeError, match="small: got the options mean, which"):
        DistilledPairsDataset(TrainnerOptions("small", "", dataroot_gt=[str(small_file)], mean=[0.5]))


def test_the_scale_of_the_configuration_is_that_of_the_pairs(small_file):
    dataset = DistilledPairsDataset({**BOOKKEEPING, "file": str(small_file), "scale": 2, "lq_size": 24})
    assert same(dataset[3], gsdd.DistilledPairs(small_file, scale=2, gt_size=48)[3])
    with pytest.raises(RecipeError, match="`scale`: got 5, wanted one of 1, 2, 3, 4, 8"):
        DistilledPairsDataset({**BOOKKEEPING, "file": str(small_file), "scale": 5})


def test_several_files_are_one_set(small_file, tmp_path):
    again = tmp_path / "again.gsdd"
    again.write_bytes(small_file.read_bytes())
    for roots in ({"dataroot_gt": [str(small_file), str(again)]}, {"file": str(small_file), "dataroot_gt": str(again)}):
        dataset = DistilledPairsDataset({**BOOKKEEPING, **roots})
        assert len(dataset) == 24
        assert dataset[12]["gt_path"] == "again.gsdd::animal/000000"


@pytest.mark.parametrize("roots", [{}, {"dataroot_gt": []}])
def test_no_file_is_refused(roots):
    with pytest.raises(RecipeError, match="small: got no file, wanted `file` or `dataroot_gt`"):
        DistilledPairsDataset({**BOOKKEEPING, **roots})
