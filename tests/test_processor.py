"""bf16 is chosen where the kernel lists an instruction for it."""

from pathlib import Path

import pytest
import torch
from pairs.small_file import copy_photos

from gsdd.plan import make_plan
from gsdd.processor import multiplies_bf16


@pytest.fixture(scope="module")
def quick() -> bool:
    """What the kernel says of this processor: avx512_bf16 and amx_bf16 on x86-64, bf16 on ARM."""
    words = Path("/proc/cpuinfo").read_text().split()
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(words))


def test_the_processor_is_asked(quick):
    assert multiplies_bf16(torch.device("cpu")) == quick


def test_a_plan_decides_what_auto_is(quick, tmp_path):
    photos = copy_photos(tmp_path / "photos")
    plans = {
        precision: make_plan(
            photos, preset="quick", generator="realesr-animevideov3", hr_size=32, ipc=1, precision=precision
        ).recipe.precision
        for precision in ("auto", "fp32", "bf16")
    }
    assert plans == {"auto": "bf16" if quick else "fp32", "fp32": "fp32", "bf16": "bf16"}
