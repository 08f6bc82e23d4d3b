"""Students on disk: official keys that spandrel opens, and no trust in what a file says."""

import hashlib
import json

import pytest
import torch
from alike import same_weights
from generators import official_lists
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from spandrel import ModelLoader

from gsdd.errors import GeneratorError, OutputError, RecipeError
from gsdd.generators.load import load_generator
from gsdd.students.checkpoint import facts_of, save
from gsdd.students.models import find_model
from gsdd.students.named import build

NAMES = ["small", "srresnet", "compact", "rrdbnet", "swinir", "sftgan"]


def image() -> torch.Tensor:
    return torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=NAMES)
def saved(request, tmp_path):
    network = build(request.param, seed=0, size="small")
    path = tmp_path / "student.safetensors"
    save(network, request.param, path, training={"steps": 3})
    return request.param, network, path


def test_a_student_comes_back_as_it_was(saved):
    name, network, path = saved
    again = find_model(str(path))
    assert again.about.startswith(f"student {name}, ") and not again.network.training
    assert same_weights(network, again.network)


def test_the_file_says_how_it_was_trained_in_one_string_of_json(saved):
    name, _, path = saved
    assert facts_of(path) == {"student": name, "scale": 4, "training": {"steps": 3}}
    with safe_open(path, framework="pt") as file:
        (text,) = file.metadata().values()
    assert json.loads(text)["scale"] == 4


@pytest.mark.parametrize(
    ("name", "architecture"), [("compact", "Compact"), ("rrdbnet", "ESRGAN"), ("swinir", "SwinIR")]
)
def test_spandrel_opens_what_it_knows(tmp_path, name, architecture):
    network = build(name, seed=0, size="small")
    save(network, name, tmp_path / "student.safetensors")
    descriptor = ModelLoader().load_from_file(tmp_path / "student.safetensors")
    assert (descriptor.architecture.id, descriptor.scale, descriptor.purpose) == (architecture, 4, "SR")
    with torch.no_grad():
        torch.testing.assert_close(descriptor(image()), network.eval()(image()).clamp(0, 1))


def test_a_trained_student_is_a_generator_too(saved):
    _, network, path = saved
    with torch.no_grad():
        torch.testing.assert_close(load_generator(str(path))(image()), network.eval()(image()), rtol=1e-4, atol=1e-5)


def test_rrdbnet_is_written_under_the_names_of_basicsr(tmp_path):
    save(build("rrdbnet", seed=0, size="small"), "esrgan", tmp_path / "student.safetensors")
    full = official_lists.read("rrdbnet_body").tensors
    in_four_blocks = {key for key in full if not key.startswith("body.") or int(key.split(".")[1]) < 4}
    assert load_file(tmp_path / "student.safetensors").keys() == in_four_blocks
    assert find_model(str(tmp_path / "student.safetensors")).about.startswith("student esrgan, ESRGAN ")


@pytest.mark.parametrize(
    ("name", "architecture"), [("srresnet_trunk", "SRResNet"), ("sftgan_paper", "SFTGAN"), ("compact", "Compact")]
)
def test_an_official_file_is_named_by_its_architecture(tmp_path, name, architecture):
    path = tmp_path / "official.pth"
    torch.save(official_lists.weights(official_lists.read(name).tensors), path)
    assert find_model(str(path)).about.split()[0] == architecture
    assert facts_of(path) is None


def test_equal_students_are_equal_bytes(tmp_path):
    digests = set()
    for number in range(3):
        path = tmp_path / f"{number}.safetensors"
        save(build("compact", seed=5, size="small"), "compact", path, training={"b": 1, "a": [number // 5]})
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_what_is_there_is_replaced_only_with_force(tmp_path):
    path = tmp_path / "student.safetensors"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        save(build("small", seed=0), "small", path)
    assert path.read_text() == "mine"
    save(build("small", seed=0), "small", path, force=True)
    assert facts_of(path)["student"] == "small"


def test_another_suffix_and_an_unknown_name_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(OutputError, match=r"students are written as \.safetensors; got the suffix '\.pth'"):
        save(build("small", seed=0), "small", tmp_path / "student.pth")
    with pytest.raises(RecipeError, match="no student is named 'mine'"):
        save(build("small", seed=0), "mine", tmp_path / "student.safetensors")
    assert not list(tmp_path.iterdir())


TENSORS = dict(build("small", seed=0).state_dict())
WITHOUT_A_BIAS = {name: value for name, value in TENSORS.items() if name != "tail.bias"}


@pytest.mark.parametrize(
    ("tensors", "metadata", "complaint"),
    [
        (TENSORS, {"gsdd_student": "{"}, r"what it says of its student is not JSON"),
        (TENSORS, {"gsdd_student": "[" * 100_000}, r"what it says of its student is not JSON"),
        (TENSORS, {"gsdd_student": "[1]"}, r"says '\[1\]' of its student; wanted one of small, "),
        (TENSORS, {"gsdd_student": '{"student": ["small"]}'}, r"of its student; wanted one of small, "),
        (TENSORS, {"gsdd_student": '{"student": "edsr"}'}, r"edsr.* of its student; wanted one of small, "),
        ({"weight": torch.zeros(3)}, None, r"not a network that spandrel recognises"),
        (TENSORS | {"tail.weight": torch.zeros(48, 31, 3, 3)}, None, r"not a network that .* size mismatch for tail"),
        (TENSORS | {"tail.bias": torch.full((48,), torch.nan)}, None, r"small 32nf 6nb: some weights are NaN"),
        (WITHOUT_A_BIAS, None, r'not a network that .*Missing key.*"tail\.bias"'),
        (TENSORS | {"more": torch.zeros(1)}, None, r'not a network that .*Unexpected key.*"more"'),
    ],
)
def test_a_hostile_or_foreign_file_fails_in_one_line(tmp_path, tensors, metadata, complaint):
    path = tmp_path / "foreign.safetensors"
    save_file(tensors, path, metadata)
    with pytest.raises(GeneratorError, match=complaint) as caught:
        find_model(str(path))
    assert "foreign.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"{}"])
def test_a_file_that_is_no_safetensors_is_refused(tmp_path, content):
    (tmp_path / "bad.safetensors").write_bytes(content)
    with pytest.raises(GeneratorError, match=r"bad\.safetensors: not a sound safetensors file"):
        find_model(str(tmp_path / "bad.safetensors"))
