"""LPIPS: its trunk is read from files, and nothing is downloaded."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import lpips as package
import pytest
import torch
import torchvision
from metrics.real_pairs import real_pairs
from states import random_states_kept

from gsdd.errors import KernelInputError, MetricError, MissingWeightsError
from gsdd.metrics.lpips import SMALLEST, TRUNKS, load_lpips

SHIFT, SCALE = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
RELUS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}


def trunk_of(net):
    """torchvision's own network with drawn weights, for want of the trained ones."""
    build = {"alex": torchvision.models.alexnet, "vgg": torchvision.models.vgg16}[net]
    with torch.device("meta"):
        features = build().features.to_empty(device="cpu").eval().requires_grad_(False)
    stream = torch.Generator().manual_seed(0)
    for parameter in features.parameters():
        fan_in = parameter[0].numel()
        parameter.normal_(std=0.02 if parameter.ndim == 1 else fan_in**-0.5, generator=stream)
    return features


@pytest.fixture(scope="module", params=["alex", "vgg"])
def trunk(request, tmp_path_factory):
    """A net, torchvision's trunk of it, and the file that torchvision would have cached."""
    features = trunk_of(request.param)
    file = tmp_path_factory.mktemp("torch") / "hub" / "checkpoints" / TRUNKS[request.param]
    file.parent.mkdir(parents=True)
    torch.save({f"features.{name}": value for name, value in features.state_dict().items()}, file)
    return request.param, features, file


@pytest.fixture(scope="module")
def measure(trunk):
    """LPIPS with that trunk, found in the cache; that no random state moves is looked at on the way."""
    net, _, file = trunk
    with pytest.MonkeyPatch.context() as patch, random_states_kept():
        patch.setenv("TORCH_HOME", str(file.parents[2]))
        return load_lpips(net)


def by_hand(net, features, images, references):
    """Eq. 1 of the paper with torchvision's layers and the heads that the package carries."""
    heads = torch.load(Path(package.__file__).parent / "weights" / "v0.1" / f"{net}.pth", "cpu", weights_only=True)
    one, other = ((part / 127.5 - 1 - SHIFT.view(3, 1, 1)) / SCALE.view(3, 1, 1) for part in (images, references))
    total = torch.zeros(len(images))
    for number, layer in enumerate(features):
        one, other = layer(one), layer(other)
        if number in RELUS[net]:
            unit = [part / part.norm(dim=1, keepdim=True).clamp_min(1e-10) for part in (one, other)]
            head = heads[f"lin{RELUS[net].index(number)}.model.1.weight"].flatten()
            total += ((unit[0] - unit[1]) ** 2).mean(dim=(2, 3)) @ head
    return total.double()


def test_the_packages_heads_weigh_the_features_of_the_trunk_in_torchvisions_cache(trunk, measure, photos):
    net, features, _ = trunk
    images, references = real_pairs(photos, 2)
    measured = measure(images, references)
    torch.testing.assert_close(measured, by_hand(net, features, images, references), rtol=1e-4, atol=1e-7)
    assert (measured > 0).all()


def test_the_trunk_is_named_by_its_digest(trunk, measure):
    net, _, file = trunk
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert measure.implementation == f"lpips {version('lpips')}, net {net}, version 0.1, trunk sha256 {digest[:12]}"


def test_without_a_trunk_nothing_is_downloaded_and_the_reason_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MissingWeightsError, match=r"alexnet-owt-7be5be79.pth is not there.*`lpips_trunk=FILE`"):
        load_lpips("alex")
    assert list(tmp_path.rglob("*")) == []


def test_the_names_are_those_under_which_torchvision_caches():
    models = {"alex": torchvision.models.AlexNet_Weights, "vgg": torchvision.models.VGG16_Weights}
    assert {net: weights.IMAGENET1K_V1.url.rpartition("/")[2] for net, weights in models.items()} == TRUNKS


def test_a_given_trunk_is_preferred_to_the_cache(tmp_path):
    with pytest.raises(MissingWeightsError, match=r"mine.pth: no such file of weights"):
        load_lpips("alex", tmp_path / "mine.pth")


def test_another_networks_file_is_refused_by_name(tmp_path):
    file = tmp_path / "other.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, file)
    with pytest.raises(MetricError, match=r"other.pth: not the weights of torchvision's alexnet"):
        load_lpips("alex", file)


def test_a_file_that_holds_code_is_not_run(tmp_path):
    file = tmp_path / "code.pth"
    torch.save({"features.0.weight": Path("/")}, file)
    with pytest.raises(MetricError, match=r"code.pth: refused: it holds more than tensors"):
        load_lpips("alex", file)


def test_the_smallest_image_is_the_smallest_that_the_trunk_can_take(trunk, measure):
    net, features, _ = trunk
    side = SMALLEST[net]
    image = torch.zeros(1, 3, side, side, dtype=torch.uint8)
    assert measure(image, image).item() == 0
    with pytest.raises(KernelInputError, match=f"lpips: .* wanted at least {side} a side"):
        measure(image[..., 1:], image[..., 1:])
    with pytest.raises(RuntimeError, match="too small"):
        features(torch.zeros(1, 3, side - 1, side - 1))
