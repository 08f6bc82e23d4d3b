"""Shift-tolerant LPIPS against the package that published it, run in a process of its own."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from metrics.real_pairs import real_pairs
from states import random_states_kept

from gsdd.errors import KernelInputError, MetricError, MissingExtraError
from gsdd.metrics import shift_tolerant_lpips
from gsdd.metrics.shift_tolerant_lpips import load_st_lpips

NETS = ("alex", "vgg")


@pytest.fixture(scope="module")
def pairs(photos):
    images, references = real_pairs(photos, 3, 68, 84)
    return images[..., :67, :], references[..., :67, :]  # an odd side, too


@pytest.fixture(scope="module")
def published(pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    torch.save(pairs, folder / "pairs.pt")
    script = Path(__file__).with_name("published_st_lpips.py")
    subprocess.run([sys.executable, script, folder / "pairs.pt", folder / "found.json"], check=True)
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("net", NETS)
def test_the_distance_is_that_of_the_published_package(net, pairs, published):
    expected = torch.tensor(published[net]["values"], dtype=torch.float64)
    torch.testing.assert_close(load_st_lpips(net)(*pairs), expected, rtol=1e-4, atol=1e-7)
    assert (expected > 0).all()


@pytest.mark.parametrize("net", NETS)
def test_the_smallest_image_is_the_smallest_that_the_package_takes(net, published):
    measure, side = load_st_lpips(net), published[net]["smallest"]
    image = torch.zeros(1, 3, side, side, dtype=torch.uint8)
    assert measure(image, image).item() == 0
    with pytest.raises(KernelInputError, match=f"st-lpips: .* wanted at least {side} a side"):
        measure(image[..., 1:], image[..., 1:])


@pytest.mark.parametrize("net", NETS)
def test_the_package_is_read_and_not_imported(net):
    wheel = f"stlpips-pytorch {version('stlpips-pytorch')}"
    with random_states_kept():
        assert load_st_lpips(net).implementation == f"gsdd, net {net}, weights of {wheel}"
    assert "stlpips_pytorch" not in sys.modules


def test_it_tolerates_a_shift_of_one_pixel_better_than_a_change_of_the_image(pairs):
    measure = load_st_lpips("alex")
    images, references = pairs
    shifted = measure(references[..., 1:], references[..., :-1])
    assert (shifted < measure(images, references)[:3]).all()


def test_a_wheel_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(shift_tolerant_lpips, "PACKAGE", "no_such_package")
    with pytest.raises(MissingExtraError, match="which is not installed; pip install stlpips-pytorch"):
        load_st_lpips("alex")


def test_another_networks_file_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(shift_tolerant_lpips, "FILE", "weights/vST0.0/vgg_shift_tolerant.pth")
    with pytest.raises(MetricError, match=r"vgg_shift_tolerant.pth: not the weights of .*, net alex"):
        load_st_lpips("alex")
