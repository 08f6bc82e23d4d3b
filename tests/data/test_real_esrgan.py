"""The second-order degradation: each stage against its formula, and what is drawn against the published options."""

import io
import math
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.special import j1
from torch.nn import functional as F

from gsdd.data.real_esrgan.kernels import SHAPES, bell, distances, draw_blur, draw_final_sinc, padded, sinc
from gsdd.data.real_esrgan.options import FIRST, SECOND
from gsdd.data.real_esrgan.process import RealESRGAN, draw_plan
from gsdd.data.real_esrgan.stages import Noise, add_noise, blur, jpeg, resize
from gsdd.data.served import Draw
from gsdd.randomness import numpy_stream

DRAWS = 2000


@pytest.fixture(scope="module")
def image(photos):
    """A real photo, float32 `[3, 96, 120]`."""
    with Image.open(next(path for path in sorted(photos.rglob("*.*")) if path.is_file())) as photo:
        pixels = np.asarray(photo.convert("RGB").resize((180, 160), Image.Resampling.LANCZOS))[:96, :120]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255


@pytest.fixture(scope="module")
def plans():
    return [draw_plan(Draw(7, number, 0)) for number in range(DRAWS)]


def stream(seed=0):
    return numpy_stream(seed, "test")


@pytest.mark.parametrize(("sigmas", "angle"), [((1.5, 1.5), 0.0), ((2.5, 0.7), 0.6), ((0.4, 3.0), -2.9)])
@pytest.mark.parametrize(
    ("profile", "beta", "formula"),
    [
        ("gaussian", 1.0, lambda d, beta: math.exp(-d / 2)),
        ("generalised", 0.6, lambda d, beta: math.exp(-(d**beta) / 2)),
        ("generalised", 3.0, lambda d, beta: math.exp(-(d**beta) / 2)),
        ("plateau", 1.7, lambda d, beta: 1 / (1 + d**beta)),
    ],
)
def test_a_bell_is_its_formula_of_the_inverse_covariance(sigmas, angle, profile, beta, formula):
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    inverse = np.linalg.inv(turn @ np.diag(np.square(sigmas)) @ turn.T)
    places = [[np.array([x, y]) for x in range(-4, 5)] for y in range(-4, 5)]
    expected = np.array([[formula(float(p @ inverse @ p), beta) for p in row] for row in places])
    kernel = bell(profile, distances(9, sigmas, angle), beta)
    assert np.allclose(kernel, expected / expected.sum(), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(("side", "cutoff"), [(7, math.pi / 3), (13, 1.0), (21, math.pi)])
def test_a_sinc_is_the_transform_of_a_disc(side, cutoff):
    half = side // 2
    expected = np.empty((side, side))
    for y in range(side):
        for x in range(side):
            r = math.hypot(x - half, y - half)
            expected[y, x] = cutoff * j1(cutoff * r) / (2 * math.pi * r) if r else cutoff**2 / (4 * math.pi)
    assert np.allclose(sinc(side, cutoff), expected / expected.sum(), rtol=1e-4, atol=1e-6)


def test_a_sinc_keeps_what_is_below_its_cutoff_and_takes_what_is_above():
    response = np.abs(np.fft.rfft2(sinc(21, 1.5), s=(64, 64)))[0]
    frequencies = 2 * math.pi * np.arange(33) / 64
    assert response[frequencies < 1.0].min() > 0.8
    assert response[frequencies > 2.2].max() < 0.1


def test_blur_is_the_correlation_with_mirrored_borders(image):
    images = torch.stack([image, image.flip(1), image.flip(2)])
    kernels = [draw_blur(FIRST.blur, stream(seed)) for seed in range(3)]
    stack = torch.from_numpy(np.stack([padded(kernel) for kernel in kernels]))
    wide = F.pad(images.double(), (10,) * 4, mode="reflect")
    for blurred, each, kernel in zip(blur(images, stack), wide, stack.double(), strict=True):
        expected = F.conv2d(each[:, None], kernel[None, None])[:, 0]
        assert (blurred - expected).abs().max() < 2e-6


def test_an_image_that_is_smaller_than_the_kernel_is_mirrored_again_and_again(image):
    small, kernel = image[:, :3, :5], torch.from_numpy(padded(draw_blur(FIRST.blur, stream(1))))
    wide = np.pad(small.numpy(), ((0, 0), (10, 10), (10, 10)), mode="reflect")
    expected = F.conv2d(torch.from_numpy(wide)[:, None], kernel[None, None])[:, 0]
    assert torch.allclose(blur(small[None], kernel[None])[0], expected, atol=1e-6)


def test_no_kernel_changes_nothing(image):
    assert torch.allclose(blur(image[None], torch.from_numpy(padded(None))[None])[0], image, atol=1e-6)


def test_area_is_the_mean_of_what_a_pixel_covers_and_bilinear_the_line_between_two(image):
    halves = image.reshape(3, 48, 2, 60, 2).mean((2, 4))
    assert torch.allclose(resize(image, (48, 60), "area"), halves, atol=1e-6)
    wide = resize(image, (96, 240), "bilinear")
    assert torch.allclose(wide[..., 1:-1:2], 0.75 * image[..., :-1] + 0.25 * image[..., 1:], atol=1e-6)


def test_bicubic_is_not_antialiased():
    """Every other pixel is black: of each, Keys' kernel with a = -0.75 sees the same four pixels at half steps."""
    stripes = torch.zeros(1, 1, 32)
    stripes[..., ::2] = 1
    shrunk = resize(stripes, (1, 8), "bicubic")[0, 0, 2:-2]
    weights = {0.5: 1.25 * 0.125 - 2.25 * 0.25 + 1, 1.5: -0.75 * (3.375 - 5 * 2.25 + 8 * 1.5 - 4)}
    assert torch.allclose(shrunk, torch.full((4,), weights[0.5] + weights[1.5]), atol=1e-5)


@pytest.mark.parametrize("is_grey", [True, False])
def test_gaussian_noise_has_its_standard_deviation(is_grey):
    flat = torch.full((3, 200, 200), 0.5)
    added = add_noise(flat, Noise("gaussian", 20, is_grey), torch.Generator().manual_seed(0)) - flat
    assert added.std().item() == pytest.approx(20 / 255, rel=0.02)
    assert abs(added.mean().item()) < 2e-3
    assert torch.equal(added[0], added[1]) == is_grey


@pytest.mark.parametrize("is_grey", [True, False])
def test_poisson_noise_has_the_variance_of_photons(is_grey):
    """An image of 64 levels has 64 photons at white; the variance of their number is their number."""
    levels = torch.arange(64).repeat_interleave(64 * 4).reshape(1, 128, 128).expand(3, -1, -1).float() * 3 + 30
    image, factor = levels / 255, 0.8
    added = add_noise(image, Noise("poisson", factor, is_grey), torch.Generator().manual_seed(0)) - image
    dark = image[0] < 0.5
    expected = factor * (image[0][dark].double() / 64).mean().sqrt()
    # The whole of the noise is seen where it is not clamped.
    assert added[:, dark].std().item() == pytest.approx(float(expected), rel=0.05)
    assert torch.equal(added[0], added[2]) == is_grey


@pytest.mark.parametrize("quality", [30, 60, 95])
def test_jpeg_is_that_of_another_encoder(image, quality):
    data = io.BytesIO()
    pixels = (image.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(pixels).save(data, "JPEG", quality=quality, subsampling="4:2:0")
    with Image.open(data) as other:
        expected = torch.from_numpy(np.asarray(other).copy()).permute(2, 0, 1)
    difference = (jpeg(image, quality) * 255 - expected).abs()
    assert difference.max() <= 2
    assert difference.mean() < 0.05


def test_blur_kernels_are_drawn_as_published():
    """A tenth are sinc filters, of the others 0.31 are of two widths, and every side is as likely as another."""
    kernels = [draw_blur(SECOND.blur, stream(seed)) for seed in range(DRAWS)]
    assert all(kernel.sum() == pytest.approx(1) for kernel in kernels)
    sides = Counter(map(len, kernels))
    assert sorted(sides) == list(range(7, 22, 2))
    assert max(abs(count - DRAWS / 8) for count in sides.values()) < 4 * math.sqrt(DRAWS / 8)
    ringing = sum(kernel.min() < -1e-6 for kernel in kernels) / DRAWS
    assert ringing == pytest.approx(0.1, abs=0.03)
    turned = sum(not np.allclose(kernel, np.rot90(kernel), atol=1e-9) for kernel in kernels) / DRAWS
    uneven = sum(share for share, (_, same) in zip(SECOND.blur.shapes, SHAPES, strict=True) if not same)
    assert turned == pytest.approx(0.9 * uneven, abs=0.04)


def test_rounds_are_drawn_as_published(plans):
    for order, rounds in ((FIRST, [p.rounds[0] for p in plans]), (SECOND, [p.rounds[1] for p in plans])):
        larger, kept = (sum(test(r.factor) for r in rounds) / DRAWS for test in (lambda f: f > 1, lambda f: f == 1))
        assert (larger, kept) == (pytest.approx(order.resize[0], abs=0.04), pytest.approx(order.resize[2], abs=0.04))
        assert (
            order.factors.least <= min(r.factor for r in rounds) < max(r.factor for r in rounds) <= order.factors.most
        )
        assert sum(r.kernel is not None for r in rounds) / DRAWS == pytest.approx(order.blurred, abs=0.04)
        gaussian = [r.noise.strength for r in rounds if r.noise.kind == "gaussian"]
        assert len(gaussian) / DRAWS == pytest.approx(order.gaussian, abs=0.04)
        assert np.mean(gaussian) == pytest.approx(sum(order.sigma) / 2, abs=1)
        assert np.mean([r.quality for r in rounds]) == pytest.approx(62.5, abs=2)
        assert sum(r.noise.is_grey for r in rounds) / DRAWS == pytest.approx(0.4, abs=0.04)
        assert Counter(r.mode for r in rounds).keys() == {"area", "bilinear", "bicubic"}
    assert sum(p.sinc is not None for p in plans) / DRAWS == pytest.approx(0.8, abs=0.04)
    assert sum(p.jpeg_last for p in plans) / DRAWS == pytest.approx(0.5, abs=0.04)


def test_the_last_filter_cuts_off_above_a_third_of_pi():
    kernels = [kernel for seed in range(200) if (kernel := draw_final_sinc(stream(seed))) is not None]
    assert all(np.abs(np.fft.fft2(kernel, s=(63, 63)))[0, 3] > 0.5 for kernel in kernels)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_what_comes_of_a_crop_depends_on_its_draw_and_on_nothing_else(image, scale):
    crops = torch.stack([image[:, :64, at : at + 64] for at in (0, 20, 40)])
    draws, process = [Draw(3, pair, 2) for pair in (5, 1, 8)], RealESRGAN(scale)
    together = process(crops, draws)
    assert together.shape == (3, 3, 64 // scale, 64 // scale)
    assert torch.equal(together, (together * 255).round() / 255)
    for number in range(3):
        assert torch.equal(process(crops[number : number + 1], draws[number : number + 1])[0], together[number])
    for other in (Draw(4, 5, 2), Draw(3, 6, 2), Draw(3, 5, 3)):
        assert not torch.equal(process(crops[:1], [other])[0], together[0])


def test_no_global_generator_is_read(image):
    state = torch.random.get_rng_state()
    RealESRGAN(4)(image[None, :, :64, :64], [Draw(0, 0, 0)])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_lr_is_the_image_still():
    """No stage shifts what is seen, or its brightness: over many draws the mean is that of HR around a corner."""
    crop = torch.full((24, 3, 96, 96), 0.3)
    crop[:, :, 36:, 56:] = 0.7
    mean = RealESRGAN(4)(crop, [Draw(0, number, 0) for number in range(24)]).mean((0, 1))
    assert abs(mean[:, :8].mean() - 0.3) < 0.02
    assert abs(mean[14:, 19:].mean() - 0.7) < 0.02
    # Half way between both where the edges are.
    assert abs(mean[16:, 13:15].mean() - 0.5) < 0.03
    assert abs(mean[8:10, 18:].mean() - 0.5) < 0.03
