"""bf16 is chosen where the kernel lists an instruction for it."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from heard import Heard
from recipes import preset

from gsdd.errors import RecipeError
from gsdd.generators.generator import Generator, GeneratorReference
from gsdd.monitor import SILENT
from gsdd.parallel.device import announcing, multiplies_bf16, pick_device
from gsdd.recipe import Recipe
from gsdd.run.execution import Execution, _precision, begin


@pytest.fixture(scope="module")
def quick() -> bool:
    """What the kernel says of this processor: avx512_bf16 and amx_bf16 on x86-64, bf16 on ARM."""
    words = Path("/proc/cpuinfo").read_text().split()
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(words))


def test_the_processor_is_asked(quick):
    assert multiplies_bf16(torch.device("cpu")) == quick


def test_a_network_that_mixes_bf16_with_its_own_float32_is_searched_in_float32(tmp_path):
    """A stand-in for such networks as spandrel's SwinIR, whose masks stay float32."""

    class Mixed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(3, 3))

        def forward(self, z):
            image = torch.nn.functional.interpolate(z, scale_factor=4)
            return torch.einsum("nchw,cd->ndhw", image, self.weight.float())

    told = {field.name: "" for field in fields(GeneratorReference)}
    mixed = Generator(Mixed(), GeneratorReference(**(told | {"name": "mixed", "scale": 4, "parameters": 9})))
    assert not mixed.computes_in_bf16
    assert _precision(Recipe(precision="auto"), mixed) == "fp32"
    with pytest.raises(RecipeError, match=r"precision`: got 'bf16', in which generator mixed does not run"):
        _precision(Recipe(precision="bf16"), mixed)


def test_a_run_decides_what_auto_is(quick, tmp_path):
    recipes = (preset(generator="realesr-animevideov3", precision=name) for name in ("auto", "fp32", "bf16"))
    found = [begin(tmp_path, recipe, "cpu", SILENT, Execution()).recipe.precision for recipe in recipes]
    assert found == ["bf16" if quick else "fp32", "fp32", "bf16"]


# Where there is a GPU is seen in tests/stand_in_gpu; here there is none, or it is hidden.
@pytest.fixture
def no_gpu():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")


def told_first(device: str) -> list[str]:
    """What a job's monitor hears with the first progress of two."""
    heard = Heard()
    monitor = announcing(heard, device, pick_device(device))
    assert heard.notes == []
    for done in (1, 2):
        monitor.progress("photos", done, 2)
    assert heard.stages == [("photos", 1, 2), ("photos", 2, 2)]
    return heard.notes


def test_auto_is_the_cpu_where_there_is_no_gpu_and_says_why_in_one_line(no_gpu):
    assert pick_device("auto") == "cpu"
    (line,) = told_first("auto")
    assert re.fullmatch(r"computing on cpu: torch says: [^\n]*(NVIDIA driver|CUDA)[^\n]*", line)


def test_what_the_user_named_needs_no_line():
    assert told_first("cpu") == []


@pytest.mark.parametrize(
    ("device", "line"),
    [
        (
            "gpu",
            "--device: got 'gpu', wanted auto, cpu, cuda, a numbered GPU such as cuda:1, or mps; torch calls a GPU of",
        ),
        ("fpu", "--device: got 'fpu', wanted auto, cpu, cuda, a numbered GPU such as cuda:1, or mps (gsdd"),
        ("cuda", "--device: got cuda, but torch says: "),
        ("cuda:1", "--device: got cuda:1, but torch says: "),
        ("mps", "--device: got mps, but torch finds no GPU of Apple here; take --device cpu, or auto"),
        ("meta", "--device: got meta, but torch says: "),
    ],
)
def test_a_device_that_cannot_be_used_is_refused_in_one_line(no_gpu, gsdd, small_file, tmp_path, device, line):
    told = gsdd("expand", small_file, "-o", tmp_path / "e", "--device", device, code=2).err
    assert told.startswith(f"gsdd: {line.removesuffix(' (gsdd')}") and told.count("\n") == 1
    assert not (tmp_path / "e").exists()


def test_what_a_driver_says_becomes_one_sentence(monkeypatch):
    """An old driver, as torch words it; no machine here has one."""
    old = (
        "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver by "
        "downloading and installing a new version from the URL: http://www.nvidia.com/Download/index.aspx"
    )

    def refuse(*size, device):
        raise RuntimeError(old)

    monkeypatch.setattr(torch, "ones", refuse)
    assert told_first("auto") == [
        "computing on cpu: torch says: The NVIDIA driver on your system is too old (found version 11040)"
    ]
    with pytest.raises(RecipeError, match=r"got cuda, but torch says: The NVIDIA driver .* 11040\); take"):
        pick_device("cuda")
