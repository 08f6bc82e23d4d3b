from dataclasses import asdict

import pytest
import torch
from generators.photo import real_latent
from test_architecture import loaded_by

from gsdd.errors import GeneratorError, RecipeError
from gsdd.generators.generator import Generator
from gsdd.generators.load import load_generator


@pytest.fixture(scope="module")
def generator() -> Generator:
    return load_generator("realesr-animevideov3")


def test_a_generator_says_what_it_is(generator):
    assert (generator.scale, generator.latent_shape(128)) == (4, (3, 32, 32))
    assert generator.device == torch.device("cpu")
    assert generator.weights_bytes == 1_250_487
    assert repr(generator) == "Generator('realesr-animevideov3', 621,424 parameters, cpu)"
    assert set(asdict(generator.reference)) == {
        *("name", "architecture", "scale", "parameters", "fingerprint", "fingerprint_fp16", "origin", "licence")
    }


def test_an_enlarged_photo_is_the_photo_with_detail(generator):
    z = real_latent(32)
    image = generator(z)
    assert image.shape == (1, 3, 128, 128)
    assert image.dtype == torch.float32
    back = torch.nn.functional.interpolate(image, scale_factor=0.25, mode="bicubic", antialias=True)
    assert 10 * torch.log10(1 / (back - z).square().mean()) > 25


def test_images_are_not_clamped(generator):
    stripes = torch.zeros(1, 3, 16, 16)
    stripes[..., ::2] = 1
    image = generator(stripes)
    assert image.min() < 0
    assert image.max() > 1


def test_the_gradient_flows_to_the_latents_and_not_to_the_weights(generator):
    z = real_latent(16).requires_grad_(True)
    generator(z).sum().backward()
    assert z.grad.shape == z.shape
    assert bool(z.grad.abs().min() > 0)
    assert not any(weight.requires_grad or weight.grad is not None for weight in generator.network.parameters())
    assert not generator.network.training


def test_the_layout_of_the_latents_does_not_change_a_bit(generator):
    z = real_latent(24).repeat(2, 1, 1, 1)
    assert torch.equal(generator(z), generator(z.contiguous(memory_format=torch.channels_last)))
    wide = torch.zeros(2, 3, 24, 48)
    wide[..., ::2] = z
    assert torch.equal(generator(z), generator(wide[..., ::2]))


@pytest.mark.parametrize(
    ("z", "complaint"),
    [
        (torch.zeros(3, 8, 8), r"got latents of shape \[3, 8, 8\]; wanted \[N, 3, h, w\]"),
        (torch.zeros(1, 1, 8, 8), r"shape \[1, 1, 8, 8\]"),
        (torch.zeros(1, 3, 1, 8), r"shape \[1, 3, 1, 8\]; wanted .* at least 2"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.float64), r"dtype torch\.float64; wanted torch\.float32"),
        (torch.zeros(1, 3, 8, 8, device="meta"), r"on meta; wanted cpu"),
    ],
)
def test_latents_of_another_kind_are_refused(z, complaint):
    with pytest.raises(GeneratorError, match=complaint):
        load_generator("realesrgan-x4plus-anime")(z)


@pytest.mark.parametrize("hr_size", [0, 4, 127, -8])
def test_an_hr_size_that_no_latent_makes_is_refused(hr_size):
    with pytest.raises(RecipeError, match=f"HR size {hr_size} cannot be made.*wanted a multiple of 4, at least 8"):
        load_generator("realesrgan-x4plus-anime").latent_shape(hr_size)


def test_a_device_that_is_not_there_is_named(generator):
    with pytest.raises(RecipeError, match=r"device 'xpu:7' cannot be used: .*`device=.cpu.`"):
        generator.to("xpu:7")


def test_importing_the_room_loads_none_of_the_heavy_libraries():
    loaded = loaded_by("import gsdd.generators.load, gsdd.generators.export, gsdd.generators.download")
    assert not {"spandrel", "torchvision", "safetensors", "einops"} & loaded
