"""psi is a function of one image; local-fourier against its formula, resnet18 against torchvision's own forward."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from gsdd.errors import RecipeError
from gsdd.features.extractor import FAMILIES, FeatureSpec, feature_drawer
from gsdd.features.local_fourier import STRIDE, draw_local_fourier
from gsdd.features.normalisation import MEAN, STD
from gsdd.features.resnet18 import LAYERS, calibrated_resnet18, draw_resnet18
from gsdd.kernels.augmentation import Augmentation, Column, op_bits


def crops(count: int, seed: int = 0, side: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def normalised(images: torch.Tensor) -> torch.Tensor:
    return (images - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def draw(family: str, seed: int = 0, number: int = 0):
    return feature_drawer(FeatureSpec(family=family), crops(8, 1))(seed, "theta", number)


FLIP = Augmentation(torch.full((2,), op_bits(["flip"])), torch.zeros(2, len(Column)))


@pytest.mark.parametrize("family", FAMILIES)
class TestEveryFamily:
    def test_an_image_has_the_same_features_in_any_company(self, family):
        psi, x = draw(family), crops(8)
        together = psi(x)
        alone = torch.cat([psi(x[k : k + 1]) for k in range(8)])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)

    def test_class_means_are_those_of_the_features(self, family):
        psi, x, omega = draw(family), crops(2), FLIP
        wanted = torch.stack([psi(x, omega).mean(dim=0)])
        torch.testing.assert_close(psi.class_means(x, (2,), omega), wanted, rtol=1e-4, atol=1e-5)

    def test_theta_is_a_function_of_seed_and_number(self, family):
        x = crops(2)
        assert torch.equal(draw(family, 3, 7)(x), draw(family, 3, 7)(x))
        assert not torch.allclose(draw(family, 3, 7)(x), draw(family, 3, 8)(x))
        assert not torch.allclose(draw(family, 3, 7)(x), draw(family, 4, 7)(x))

    def test_global_generators_are_neither_read_nor_set(self, family):
        before = torch.random.get_rng_state()
        first = draw(family)(crops(2))
        assert torch.equal(before, torch.random.get_rng_state())
        torch.manual_seed(1234)
        try:
            assert torch.equal(first, draw(family)(crops(2)))
        finally:
            torch.random.set_rng_state(before)

    def test_gradient_reaches_the_image(self, family):
        x = crops(2).requires_grad_(True)
        draw(family)(x).sum().backward()
        assert float(x.grad.abs().sum()) > 0

    def test_omega_acts_on_the_image_before_psi(self, family):
        psi, x = draw(family), crops(2)
        torch.testing.assert_close(psi(x, FLIP), psi(x.flip(3)), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(psi(x, FLIP), psi(x), atol=1e-3)

    def test_stored_bytes_are_the_levels_they_stand_for(self, family):
        psi, stored = draw(family), (crops(2) * 255).round().to(torch.uint8)
        torch.testing.assert_close(psi(stored), psi(stored / 255), rtol=1e-4, atol=1e-5)

    def test_bf16_is_one_copy_however_often_it_is_asked_for(self, family):
        psi = draw(family)
        assert psi.in_bf16() is psi.in_bf16()


def test_theta_takes_the_bytes_of_its_numbers():
    assert draw("local-fourier").bytes == 4 * 512 * (3 * 7 * 7 + 1)
    # conv1, and 4 + 5 convolutions of layer1 and layer2, each with the bias that its norm left.
    convolutions = [(64, 3, 7)] + [(64, 64, 3)] * 4 + [(128, 64, 3), (128, 64, 1)] + [(128, 128, 3)] * 3
    assert draw("resnet18").bytes == sum(4 * (out * into * side**2 + out) for out, into, side in convolutions)


def test_local_fourier_is_the_mean_cosine_of_projected_patches():
    psi = draw_local_fourier(5, torch.device("cpu"), 0, "theta", 0)
    x = crops(1, 2, 16)
    w, b, image = psi.frequencies.double().numpy(), psi.phases.double().numpy(), normalised(x)[0].double().numpy()
    starts = range(0, 16 - 7 + 1, STRIDE)
    patches = np.array([image[:, r : r + 7, c : c + 7] for r in starts for c in starts])
    wanted = math.sqrt(2) * np.cos(np.einsum("dkij,pkij->pd", w, patches) + b).mean(axis=0)
    np.testing.assert_allclose(psi(x)[0].numpy(), wanted, atol=2e-5)


def test_local_fourier_does_not_see_a_constant():
    psi, x = draw_local_fourier(16, torch.device("cpu"), 0, "theta", 0), crops(1)
    grey = 0.7 * torch.tensor(STD)[:, None, None]
    torch.testing.assert_close(psi(x + grey), psi(x), rtol=1e-3, atol=1e-3)


def test_resnet18_is_torchvisions_with_norms_calibrated_on_real_crops():
    calibration = crops(8, 1)
    psi = draw_resnet18(LAYERS, calibration, 0, "theta", 0)
    network, seen = calibrated_resnet18(LAYERS, calibration, 0, "theta", 0), {}
    for name in LAYERS:
        getattr(network, name).register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    x = crops(2)
    network(normalised(x))
    wanted = torch.cat([seen[name].mean(dim=(2, 3)) for name in LAYERS], dim=1)
    torch.testing.assert_close(psi(x), wanted, rtol=1e-4, atol=1e-5)
    first = network.conv1(normalised(calibration))
    torch.testing.assert_close(network.bn1.running_mean, first.mean(dim=(0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.bn1.running_var, first.var(dim=(0, 2, 3)), rtol=1e-3, atol=1e-5)


def test_resnet18_ends_with_the_last_layer_that_is_asked_for():
    shallow, deep = (draw_resnet18(layers, crops(4), 0, "theta", 0) for layers in (LAYERS[:2], LAYERS))
    assert not hasattr(shallow.network, "layer3")
    assert torch.equal(shallow(crops(2)), deep(crops(2))[:, :192])


def test_resnet18_weights_have_the_deviation_of_he_initialisation():
    weight = calibrated_resnet18(LAYERS, crops(4), 0, "theta", 0).layer3[0].conv2.weight
    assert float(weight.std()) == pytest.approx(math.sqrt(2 / (256 * 9)), rel=0.02)


def test_given_weights_are_used_every_time(tmp_path):
    file = tmp_path / "resnet18.pth"
    torch.save(calibrated_resnet18(LAYERS, crops(4), 5, "theta", 0).state_dict(), file)
    drawer = feature_drawer(FeatureSpec(family="resnet18", layers=LAYERS, weights=file), crops(4, 9))
    source, x = draw_resnet18(LAYERS, crops(4), 5, "theta", 0), crops(2)
    assert torch.equal(drawer(0, "theta", 0)(x), source(x))
    assert torch.equal(drawer(1, "theta", 9)(x), source(x))


def test_files_that_are_not_resnet18_are_refused(tmp_path):
    file = tmp_path / "bomb.pth"
    file.write_bytes(b"cos\nsystem\n(S'touch /tmp/gsdd-bomb'\ntR.")
    with pytest.raises(RecipeError, match=r"bomb\.pth"):
        feature_drawer(FeatureSpec(family="resnet18", weights=file), crops(2))


@pytest.mark.parametrize(
    "options",
    [
        {"family": "vgg"},
        {"family": "resnet18", "layers": ("layer2", "layer1")},
        {"family": "resnet18", "layers": ()},
        {"family": "resnet18", "weights": Path("nowhere.pth")},
        {"family": "local-fourier", "weights": Path(__file__)},
    ],
)
def test_features_that_do_not_exist_are_refused(options):
    with pytest.raises(RecipeError, match="feature"):
        FeatureSpec(**options)
