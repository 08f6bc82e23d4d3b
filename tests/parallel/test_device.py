"""bf16 is chosen where the kernel lists an instruction for it."""

from dataclasses import fields
from pathlib import Path

import pytest
import torch
from recipes import preset

from gsdd.errors import RecipeError
from gsdd.generators.generator import Generator, GeneratorReference
from gsdd.monitor import SILENT
from gsdd.parallel.device import multiplies_bf16, pick_device
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


def test_auto_is_a_gpu_where_there_is_one(monkeypatch):
    for there, wanted in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert pick_device("auto") == wanted
        assert pick_device("cuda:1") == "cuda:1"
