"""One run by the Triton kernels, interpreted, and by the PyTorch reference: the same latents."""

import shutil
from pathlib import Path

import pytest
import torch
from interpreter import watched
from recipes import quick, run

from gsdd.distilled.latent_set import read_latents
from gsdd.errors import RecipeError

TINY = {
    "generator": "realesr-animevideov3", "hr_size": 32, "crops": "random",
    "inversion_steps": 1, "iterations": 1,
    "real_batch": 1, "real_crops": 1, "feature_filters": 16, "calibration": 2, "ipc": 1, "chunk": 2,
    # Another order of sums changes bits in fp32, and roundings to bf16 with them, which are larger.
    "precision": "fp32",
}  # fmt: skip
# What Adam may make of a gradient whose last bits differ: a step's direction turns only where the gradient is about 0.
TOLERANCE, TURNED = 2e-5, 0.002


@pytest.fixture(scope="module")
def two_classes(photos, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("two")
    for folder in sorted(entry for entry in photos.iterdir() if entry.is_dir())[:2]:
        (root / folder.name).mkdir()
        for photo in sorted(folder.iterdir())[:2]:
            shutil.copy(photo, root / folder.name)
    return root


def latents(source: Path, target: Path, **options) -> torch.Tensor:
    run(source, target, **(TINY | {"codec": "fp32"} | options))
    return read_latents(target).latents


@pytest.mark.parametrize("features", ["local-fourier", "resnet18"])
def test_kernels_and_reference_find_the_same_latents(two_classes, tmp_path, features):
    with watched() as watch:
        wanted = latents(two_classes, tmp_path / "reference.gsdd", backend="reference", features=features)
        assert watch.launches == 0
        got = latents(two_classes, tmp_path / "triton.gsdd", backend="triton", features=features)
    assert watch.launches > 0
    apart = (got - wanted).abs()
    assert float(apart.max()) <= 2 * TINY["iterations"] * 0.01
    assert float((apart > TOLERANCE).float().mean()) <= TURNED


def test_the_command_line_takes_a_backend_and_the_file_does_not_tell_which(two_classes, tmp_path, gsdd):
    files = [tmp_path / f"{backend}.gsdd" for backend in ("auto", "reference")]
    for file in files:
        gsdd("compress", two_classes, "-o", file, *quick(backend=file.stem, **TINY))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_backend_that_does_not_exist_is_refused_before_any_photo_is_read(tmp_path):
    with pytest.raises(RecipeError, match="backend: got 'cuda'"):
        run(tmp_path / "nowhere", tmp_path / "a.gsdd", generator="realesr-animevideov3", backend="cuda")
    assert not list(tmp_path.iterdir())
