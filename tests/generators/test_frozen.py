"""The frozen form gives autograd's images and gradients, bit for bit, and keeps one bit an activation."""

import re

import pytest
import torch
from generators.photo import real_latent
from interpreter import watched
from memory import peak_bytes
from spandrel.architectures.SwinIR import SwinIR
from torch import Tensor, nn
from torch.nn import functional

from gsdd.generators.frozen import FrozenNetwork, freeze
from gsdd.generators.load import load_generator

NAMES = ["realesrgan-x4plus", "realesr-animevideov3"]


class Toy(nn.Module):
    """Every function that the frozen form knows, or leaves as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.same = nn.Conv2d(8, 8, 3, padding="same", dilation=2, groups=2, bias=False)
        self.reduced = nn.Conv2d(16, 8, (3, 1), stride=2, padding=(1, 0))
        self.enlarged = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1)
        self.last = nn.Conv2d(4, 12, 1, padding="valid")
        self.slopes, self.slope = nn.PReLU(8), nn.PReLU()
        self.leaky, self.in_place = nn.LeakyReLU(0.2), nn.LeakyReLU(0.1, inplace=True)
        self.relu, self.relu_in_place = nn.ReLU(), nn.ReLU(inplace=True)
        self.scale = nn.Parameter(torch.full((8, 1, 1), 0.3))
        self.shuffle, self.unshuffle = nn.PixelShuffle(2), nn.PixelUnshuffle(2)

    def forward(self, z: Tensor) -> Tensor:
        x = self.in_place(self.first(z))
        x = x + self.slopes(self.same(x)) * self.scale
        wide = torch.cat((x, self.relu_in_place(x * 0.5)), 1)
        x = self.slope(self.enlarged(self.leaky(self.reduced(wide))))
        x = functional.interpolate(self.shuffle(self.last(functional.pad(x, (1, 1, 0, 0)))), scale_factor=2)
        x += functional.interpolate(z, size=x.shape[2:], mode="bicubic")
        x = functional.interpolate(self.shuffle(self.unshuffle(x)), scale_factor=0.5, mode="bilinear")
        functional.leaky_relu_(x[:, :2], 0.4)
        return (self.relu(x - 0.1).relu() + x.mul(2)).flip(3) / 3


class Counting(nn.Module):
    """Makes another image at each call, so that no two runs agree."""

    calls = 0

    def forward(self, z: Tensor) -> Tensor:
        self.calls += 1
        return z * self.calls


def seeded(network: nn.Module) -> nn.Module:
    stream = torch.Generator().manual_seed(0)
    for weight in network.parameters():
        weight.data.normal_(std=0.3, generator=stream)
    return network


def run(network, z: Tensor) -> tuple[Tensor, Tensor]:
    """Images, and the gradient of a loss that asks something else of every pixel."""
    leaf = z.detach().requires_grad_(True)
    images = network(leaf)
    (gradient,) = torch.autograd.grad(images, leaf, images.detach().cos())
    return images.detach(), gradient


def understood(network: nn.Module, sample: Tensor) -> FrozenNetwork:
    frozen = freeze(network, sample)
    assert frozen.objection is None
    return frozen


def assert_exact(frozen, network, z: Tensor) -> None:
    (images, gradient), (wanted_images, wanted_gradient) = run(frozen, z), run(network, z)
    assert torch.equal(images, wanted_images)
    assert torch.equal(gradient, wanted_gradient)
    assert gradient.abs().max() > 0


def kept(network, z: Tensor) -> list[Tensor]:
    """What the graph keeps besides weights."""
    found: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: found.append(tensor) or tensor, lambda tensor: tensor):
        network(z.detach().requires_grad_(True))
    return [tensor for tensor in found if not isinstance(tensor, nn.Parameter)]


def laid_out(network: nn.Module, z: Tensor, dtype: torch.dtype, layout: torch.memory_format):
    return network.to(dtype, memory_format=layout), z.to(dtype).contiguous(memory_format=layout)


@pytest.mark.parametrize("name", NAMES)
def test_a_generator_keeps_its_images_and_gradients(name):
    generator = load_generator(name)
    frozen = generator.frozen
    assert frozen.objection is None
    for latents in (real_latent(8), torch.cat([real_latent(9), real_latent(9).flip(3)])[..., :7]):
        assert_exact(frozen, generator, latents)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_the_network_of_a_generator_may_have_another_dtype_and_layout(name, dtype, layout):
    network, z = laid_out(load_generator(name).network, real_latent(4), dtype, layout)
    assert_exact(understood(network, z), network, z)


@pytest.mark.parametrize(
    ("name", "activations"),
    [
        # Each of 23 blocks has 3 dense ones of 4 activations; the tail works at twice and four times the size.
        ("realesrgan-x4plus", 23 * 3 * 4 * 32 + 64 * (4 + 16 + 16)),
        ("realesr-animevideov3", 17 * 64),
    ],
)
def test_a_generator_keeps_one_bit_an_activation(name, activations):
    tensors = kept(load_generator(name).frozen, real_latent(8))
    assert {tensor.dtype for tensor in tensors} <= {torch.uint8, torch.float32}
    assert sum(tensor.untyped_storage().nbytes() for tensor in tensors if tensor.dtype == torch.uint8) == (
        activations * 8 * 8 // 8
    )
    assert sum(tensor.numel() for tensor in tensors if tensor.dtype == torch.float32) <= 23 * 4


@pytest.mark.parametrize("name", NAMES)
def test_a_generator_takes_a_tenth_of_the_memory(name):
    generator = load_generator(name)
    z = real_latent(64 if name == "realesr-animevideov3" else 16).requires_grad_(True)

    def passes(network):
        images = network(z)
        torch.autograd.grad(images, z, images.detach())

    frozen = generator.frozen
    assert peak_bytes(lambda: passes(frozen)) * 10 <= peak_bytes(lambda: passes(generator))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_every_function_that_the_form_knows_is_exact_and_keeps_bits(dtype, layout):
    network, z = laid_out(seeded(Toy()), real_latent(8), dtype, layout)
    frozen = understood(network, z)
    assert_exact(frozen, network, z)
    assert_exact(frozen, network, torch.cat([z, 1 - z]))
    large = [tensor for tensor in kept(frozen, z) if tensor.numel() > 8]
    assert {tensor.dtype for tensor in large} == {torch.uint8}


def test_weights_are_frozen_and_get_no_gradient():
    network = seeded(Toy())
    freeze(network, real_latent(8))(real_latent(8).requires_grad_(True)).sum().backward()
    assert not any(weight.requires_grad or weight.grad is not None for weight in network.parameters())


def test_without_a_gradient_the_network_runs_as_it_is():
    network = seeded(Toy())
    frozen = freeze(network, real_latent(8))
    with torch.no_grad():
        assert torch.equal(frozen(real_latent(8).requires_grad_(True)), network(real_latent(8)))
    assert not frozen(real_latent(8)).requires_grad


def attention() -> nn.Module:
    return seeded(nn.Sequential(nn.Conv2d(3, 48, 3, padding=1), nn.Softmax(1), nn.Sigmoid(), nn.PixelShuffle(4)))


def swinir() -> nn.Module:
    size = {"img_size": 8, "window_size": 4, "depths": [1], "embed_dim": 12, "num_heads": [2], "mlp_ratio": 2}
    return seeded(SwinIR(upscale=4, upsampler="nearest+conv", resi_connection="1conv", **size))


@pytest.mark.filterwarnings("ignore:.torch.jit.script:FutureWarning", "ignore:torch.meshgrid:UserWarning")
@pytest.mark.parametrize(
    ("network", "message"),
    [
        (attention, "autograd keeps what goes into sigmoid, softmax"),
        (swinir, r"autograd keeps what goes into gelu, layer_norm, .*softmax"),
        (
            lambda: torch.jit.script(nn.Sequential(nn.Conv2d(3, 9, 3), nn.ReLU())),
            "keeps what goes into code that torch cannot look",
        ),
        (Counting, "images or gradients are others"),
    ],
    ids=["attention", "SwinIR", "scripted", "not a function"],
)
def test_a_network_of_another_kind_is_checkpointed_and_says_so(network, message):
    network = network()
    frozen = freeze(network, real_latent(8))
    assert re.search(message, frozen.objection)
    # Older torch keeps an empty tensor beside it.
    assert {tensor.numel() for tensor in kept(frozen, real_latent(8))} <= {0, real_latent(8).numel()}


def test_freezing_leaves_the_global_random_state_alone():
    networks, generator = (seeded(Toy()), attention()), load_generator(NAMES[1])
    before = torch.get_rng_state()
    for network in networks:
        run(freeze(network, real_latent(8)), real_latent(8))
    run(generator.frozen, real_latent(8))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_generator_is_tried_once():
    generator = load_generator(NAMES[1])
    generator.network = attention()
    assert re.search("softmax", generator.frozen.objection)
    assert generator.frozen is generator.frozen
    assert_exact(generator.frozen, generator, real_latent(8))


def test_a_slope_without_an_axis_is_taken_as_torch_takes_it():
    network, z = nn.PReLU(), real_latent(8) - 0.5
    network.weight = nn.Parameter(torch.tensor(0.3))
    assert_exact(understood(network, z), network, z)


def test_the_backend_reaches_the_activations():
    frozen, z = load_generator(NAMES[1]).frozen, real_latent(4).requires_grad_(True)
    with watched() as watch:
        images = frozen(z, "triton")
        (gradient,) = torch.autograd.grad(images, z, images.detach())
    assert (watch.kernels.count("activate"), watch.kernels.count("carry_back")) == (17, 17)
    wanted = frozen(z, "reference")
    assert torch.equal(images, wanted)
    assert torch.equal(gradient, torch.autograd.grad(wanted, z, wanted.detach())[0])
