"""Signatures tell the rounding of another float32 implementation from other weights and from less precision."""

import numpy as np
import pytest
import torch
from pairs.small_file import compact_generator
from sample_file import signature_of
from torch.nn.functional import adaptive_avg_pool2d

from gsdd.distilled.latent_set import read_latents
from gsdd.distilled.signature import compare, decode_signatures, signatures
from gsdd.errors import KernelInputError
from gsdd.generators.generator import Generator


def random_images(height: int, width: int) -> torch.Tensor:
    draw = np.random.default_rng(height * 1000 + width)
    images = draw.integers(0, 256, (3, 3, height, width), dtype=np.uint8)
    images[1], images[2] = 255, images[2] // 128
    return torch.from_numpy(images)


SIZES = [(64, 64), (32, 48), (8, 8), (4, 4), (20, 28), (33, 50), (1, 9)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_signature_is_the_fraction_of_each_blocks_mean_in_whole_numbers(height, width):
    images = random_images(height, width)
    assert signatures(images).tolist() == [signature_of(image) for image in images.numpy()]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_blocks_are_those_of_adaptive_average_pooling(height, width):
    images = random_images(height, width)
    means = adaptive_avg_pool2d(images.double().mean(1, keepdim=True), 8)[:, 0]
    apart = (256 * means - signatures(images) + 1e-6) % 256
    assert apart.min() >= 0
    assert apart.max() < 1 + 2e-6


def test_no_image_has_no_signature_and_memory_order_changes_nothing():
    assert signatures(torch.empty(0, 3, 16, 16, dtype=torch.uint8)).shape == (0, 8, 8)
    images = random_images(24, 40)
    assert torch.equal(signatures(images.to(memory_format=torch.channels_last)), signatures(images))


@pytest.mark.parametrize("hr", [torch.zeros(1, 3, 8, 8), torch.zeros(3, 8, 8).byte(), torch.zeros(1, 1, 8, 8).byte()])
def test_what_is_no_batch_of_8_bit_rgb_images_is_refused(hr):
    with pytest.raises(KernelInputError, match=r"wanted torch\.uint8 \[N, 3, H, W\]"):
        signatures(hr)


def signed(*values: int) -> torch.Tensor:
    result = torch.zeros(len(values), 8, 8, dtype=torch.uint8)
    result[:, 3, 5] = torch.tensor(values, dtype=torch.uint8)
    return result


def test_differences_go_round_the_circle_of_256_steps():
    result = compare(signed(0, 2, 255, 128), signed(254, 254, 3, 0), hr_size=128)
    assert (result.images, result.differing, result.largest_difference) == (4, (3,), 0.5)


def test_a_64th_of_a_grey_level_is_rounding_and_more_is_not():
    result = compare(signed(4, 5, 252, 251), signed(0, 0, 0, 0), hr_size=128)
    assert (result.differing, result.largest_difference, result.tolerance) == ((1, 3), 5 / 256, 1 / 64)


@pytest.mark.parametrize("side", [16, 32, 36, 40, 64, 256])
def test_in_small_images_two_values_that_are_rounded_the_other_way_are_rounding_too(side):
    images = torch.full((3, 3, side, side), 127, dtype=torch.uint8)
    changed = images.clone()
    for number in (1, 2):
        changed[number, 0, 0, :number] += 1
    assert compare(signatures(changed), signatures(images), side).differing == ()


@pytest.fixture(scope="module")
def distilled(small_file):
    return read_latents(small_file)


class OneByOne(torch.nn.Module):
    """A network that computes its images alone: convolutions of another batch size take other kernels."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.network(each[None]) for each in z])


class InBfloat16(OneByOne):
    def forward(self, z: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.network(z).float()


class InFloat64(OneByOne):
    def forward(self, z: torch.Tensor) -> torch.Tensor:
        outputs = torch.func.functional_call(
            self.network, {name: value.double() for name, value in self.network.state_dict().items()}, z.double()
        )
        return outputs.float()


def wrapped(kind: type[OneByOne]) -> Generator:
    return Generator(kind(compact_generator().network), compact_generator().reference)


def test_this_machine_decodes_the_images_that_the_file_was_signed_with(distilled):
    result = distilled.compare(compact_generator())
    assert (result.images, result.differing, result.largest_difference) == (12, (), 0)


@pytest.mark.parametrize("kind", [OneByOne, InFloat64])
def test_another_float32_implementation_or_an_exact_one_agrees(distilled, kind):
    assert distilled.compare(wrapped(kind)).differing == ()


def test_bfloat16_is_found_out_in_every_image(distilled):
    result = distilled.compare(wrapped(InBfloat16))
    assert result.differing == tuple(range(12))
    assert result.largest_difference > 0.1


def test_latents_rounded_to_another_codec_are_found_out(distilled):
    result = compare(
        decode_signatures(compact_generator(), distilled.latents.half().float()), distilled.signatures, hr_size=64
    )
    assert len(result.differing) >= 6


def test_images_in_another_order_are_found_out(distilled):
    got = decode_signatures(compact_generator(), distilled.latents)
    assert compare(got.roll(1, 0), distilled.signatures, 64).differing == tuple(range(12))


def test_progress_tells_the_images_done(distilled):
    seen = []
    distilled.compare(compact_generator(), lambda done, total: seen.append((done, total)))
    assert seen == [(8, 12), (12, 12)]
