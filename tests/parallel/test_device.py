"""bf16 is chosen where the kernel lists an instruction for it."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from heard import Heard
from recipes import preset

from gsdd.errors import RecipeError
from gsdd.generators.generator import Generator, GeneratorReference
from gsdd.monitor import SILENT
from gsdd.parallel.device import announcing, multiplies_bf16, pick_device, place_of_float64
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


WANTED = "auto, cpu, cuda, a numbered GPU such as cuda:1, or mps"
# Where there is a GPU is seen in tests/stand_in_gpu. Here it is hidden, from a process that has not looked for it yet.
HIDDEN = """
import sys
from gsdd.cli.main import exit_code
codes = [exit_code(["expand", sys.argv[1], "-o", f"{sys.argv[2]}/{name}", "--device", name]) for name in sys.argv[3:]]
print(codes)
"""


def expanded_without_a_gpu(file: Path, folder: Path, *devices: str) -> tuple[str, list[str]]:
    """The exit codes of `gsdd expand` on these devices, and the lines on stderr."""
    hidden = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": ""}
    words = [sys.executable, "-c", HIDDEN, file, folder, *devices]
    done = subprocess.run(words, env=os.environ | hidden, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1], done.stderr.splitlines()


def told_first(device: str) -> list[str]:
    """What a job's monitor hears with the first progress of two."""
    heard = Heard()
    monitor = announcing(heard, device, pick_device(device))
    assert heard.notes == []
    for done in (1, 2):
        monitor.progress("photos", done, 2)
    assert heard.stages == [("photos", 1, 2), ("photos", 2, 2)]
    return heard.notes


def test_without_a_gpu_auto_is_the_cpu_and_says_why_and_cuda_is_refused_in_one_line_each(small_file, tmp_path):
    codes, lines = expanded_without_a_gpu(small_file, tmp_path, "cuda", "cuda:1", "auto")
    assert codes == "[2, 2, 0]"
    says = r"torch says: [^;]*(NVIDIA driver|CUDA)[^;]*"
    assert re.fullmatch(rf"gsdd: --device: got cuda, but {says}; take --device cpu, or auto", lines[0])
    assert re.fullmatch(rf"gsdd: --device: got cuda:1, but {says}; take --device cpu, or auto", lines[1])
    assert re.fullmatch(rf"computing on cpu: {says}", lines[2])
    assert [folder.name for folder in tmp_path.iterdir()] == ["auto"]


def test_what_the_user_named_needs_no_line():
    assert told_first("cpu") == []


@pytest.mark.parametrize(
    ("device", "line"),
    [
        ("gpu", f"got 'gpu', wanted {WANTED}; torch calls a GPU of NVIDIA or AMD cuda\n"),
        ("fpu", f"got 'fpu', wanted {WANTED}\n"),
        ("mps", "got mps, but torch finds no GPU of Apple here; take --device cpu, or auto\n"),
        ("meta", "got meta, but torch says: Cannot copy out of meta tensor; no data!; take --device cpu, or auto\n"),
    ],
)
def test_a_device_that_cannot_be_used_is_refused_in_one_line(gsdd, small_file, tmp_path, device, line):
    told = gsdd("expand", small_file, "-o", tmp_path / "e", "--device", device, code=2).err
    assert told == f"gsdd: --device: {line}"
    assert not (tmp_path / "e").exists()


def test_float64_is_computed_where_the_device_has_it():
    places = [place_of_float64(torch.device(name)) for name in ("cpu", "cuda:1", "mps")]
    assert list(map(str, places)) == ["cpu", "cuda:1", "cpu"]


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
