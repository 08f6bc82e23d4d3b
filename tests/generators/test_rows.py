"""Every generator of the paper, in the form in which its authors release it.

Weights are made up; names, shapes and what the network computes with them are the authors' own code's, recorded in
tests/generators/official/, where each file says of which repository, at which commit, and how.
"""

import math

import pytest
import torch
from generators import official_lists
from recipes import TINY, run

import gsdd
from gsdd.data.images import read_photo
from gsdd.generators.by_file import BY_FILE
from gsdd.generators.generator import Generator
from gsdd.generators.load import load_generator

ROWS = {
    *("esrgan", "sftgan", "best-buddy", "fssr", "realsr", "real-esrgan"),
    *("bsrgan", "compact", "swinir", "srresnet"),
}
ARCHITECTURES = {
    "compact": "Compact 64nf 16nc",
    "rrdbnet_body": "ESRGAN 64nf 23nb",
    "rrdbnet_trunk": "ESRGAN 64nf 23nb",
    "sftgan_retrained": "SFTGAN 64nf 16nb",
    "sftgan_paper": "SFTGAN 64nf 16nb paper",
    "srresnet_body": "SRResNet 64nf 16nb",
    "srresnet_trunk": "SRResNet 64nf 16nb",
    "swinir_classical": "SwinIR medium s64w8 64nf 180dim 1conv 1unshuf",
    "swinir_lightweight": "SwinIR small s64w8 64nf 60dim 1conv 1unshuf",
    "swinir_real": "SwinIR medium s64w8 64nf 180dim 1conv 1unshuf",
}


@pytest.fixture(scope="module", params=official_lists.NAMES)
def loaded(request, tmp_path_factory) -> tuple[official_lists.OfficialList, Generator]:
    official = official_lists.read(request.param)
    path = tmp_path_factory.mktemp("weights") / f"{request.param}.pth"
    torch.save({"params": official_lists.weights(official.tensors)}, path)
    return official, load_generator(str(path))


def test_every_row_of_the_paper_has_an_official_list():
    sources = {name: official_lists.read(name).sources for name in official_lists.NAMES}
    assert {row for entries in sources.values() for entry in entries for row in entry["rows"]} == ROWS
    assert all(len(entry["commit"]) == 40 and entry["file"] for entries in sources.values() for entry in entries)


def test_the_table_of_files_names_the_repositories_whose_code_was_recorded():
    recorded = {
        (ARCHITECTURES[name].removesuffix(" paper").partition(" 1conv")[0], f"https://github.com/{entry['repository']}")
        for name in official_lists.NAMES
        for entry in official_lists.read(name).sources
    }
    assert {(each.architecture, each.home) for each in BY_FILE} <= recorded


def test_an_official_file_is_known_by_its_tensors(loaded):
    official, generator = loaded
    floats = [shape for key, (_, shape) in official.tensors.items() if not key.endswith(official_lists.BUFFERS)]
    assert generator.reference.architecture == ARCHITECTURES[official.name]
    assert generator.reference.parameters == sum(map(math.prod, floats))


def test_it_makes_the_image_that_the_authors_code_makes(loaded):
    official, generator = loaded
    z = official_lists.latent()
    plain = official.outputs.get("none") or official.outputs["background"]
    with torch.no_grad():
        assert official_lists.samples(generator(z)) == pytest.approx(plain, abs=5e-5)
        if "probabilities" in official.outputs:
            given = generator.network(z, official_lists.probabilities())
            assert official_lists.samples(given) == pytest.approx(official.outputs["probabilities"], abs=5e-5)


def test_old_and_new_names_of_one_network_are_one_generator(tmp_path):
    """So a file made with ESRGAN's own weights opens with the same weights as BasicSR has them."""
    fingerprints = []
    for name in ("rrdbnet_trunk", "rrdbnet_body"):
        official = official_lists.read(name)
        torch.save(official_lists.weights(official.tensors), tmp_path / f"{name}.pth")
        fingerprints.append(load_generator(str(tmp_path / f"{name}.pth")).fingerprint)
    assert fingerprints[0] == fingerprints[1]


@pytest.mark.parametrize("loaded", ["sftgan_paper", "sftgan_retrained", "srresnet_body"], indirect=True)
def test_the_search_gets_the_gradient_of_the_latents(loaded):
    _, generator = loaded
    z = official_lists.latent().requires_grad_(True)
    again = z.detach().clone().requires_grad_(True)
    generator.frozen(z).square().sum().backward()
    generator(again).square().sum().backward()
    assert bool(z.grad.abs().min() > 0)
    torch.testing.assert_close(z.grad, again.grad)


# One of each network: the other lists are other names, or another end, of these.
@pytest.mark.parametrize(
    "loaded", ["rrdbnet_body", "compact", "sftgan_paper", "srresnet_body", "swinir_lightweight"], indirect=True
)
def test_it_compresses_seven_latents_and_expands_them(loaded, photos, tmp_path):
    _, generator = loaded
    weights, hr_size = str(generator.files[0]), 4 * max(generator.minimum, 8)
    one_class = min(folder for folder in photos.iterdir() if folder.is_dir())
    values = {"generator": weights, "ipc": 7, "hr_size": hr_size, "classes": "none"}
    run(one_class, tmp_path / "seven.gsdd", **TINY | values)
    gsdd.open(tmp_path / "seven.gsdd", generator=weights, device="cpu").expand(tmp_path / "pairs")
    images = [read_photo(path).pixels for path in sorted((tmp_path / "pairs" / "HR").iterdir())]
    assert [image.shape for image in images] == [(hr_size, hr_size, 3)] * 7
    assert all(image.std() > 0 for image in images)
