import numpy as np
import pytest
import torch
from metrics.real_pairs import real_pairs
from skimage.metrics import peak_signal_noise_ratio

from gsdd.errors import KernelInputError
from gsdd.metrics.conventions import Convention
from gsdd.metrics.psnr import psnr


def noisy_pair(seed=0):
    draws = np.random.default_rng(seed)
    clean = draws.integers(0, 256, size=(3, 3, 17, 23), dtype=np.uint8)
    noise = draws.integers(-20, 21, size=clean.shape)
    return clean, np.clip(clean + noise, 0, 255).astype(np.uint8)


def test_uint8_images_agree_with_skimage_one_by_one():
    clean, noisy = noisy_pair()
    expected = [peak_signal_noise_ratio(a, b, data_range=255) for a, b in zip(clean, noisy, strict=True)]
    measured = psnr(torch.from_numpy(noisy), torch.from_numpy(clean))
    np.testing.assert_allclose(measured.numpy(), expected, rtol=1e-12)


def test_float_images_have_a_range_of_one():
    clean, noisy = (image.astype(np.float32) / 255 for image in noisy_pair(1))
    expected = [peak_signal_noise_ratio(a, b, data_range=1.0) for a, b in zip(clean, noisy, strict=True)]
    measured = psnr(torch.from_numpy(noisy), torch.from_numpy(clean))
    np.testing.assert_allclose(measured.numpy(), expected, rtol=1e-6)


def luma(image):
    """Y of `[3, H, W]` in 0..255, term by term."""
    red, green, blue = image.astype(np.float64)
    return 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255


@pytest.mark.parametrize(("channel", "rounded"), [("RGB", False), ("Y", False), ("Y", True)])
def test_psnr_of_shaved_photos_is_the_formula_written_in_numpy(photos, channel, rounded):
    images, references = real_pairs(photos)
    measured = psnr(images, references, Convention(channel, 4, rounded))
    for value, image, reference in zip(measured, images.numpy(), references.numpy(), strict=True):
        one, other = (part[:, 4:-4, 4:-4] for part in (image, reference))
        if channel == "Y":
            one, other = (np.floor(luma(part) + 0.5) if rounded else luma(part) for part in (one, other))
        error = np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2)
        assert value.item() == pytest.approx(10 * np.log10(255**2 / error), abs=1e-6)


def test_conventions_of_one_pair_differ_by_decibels(photos):
    images, references = real_pairs(photos)
    assert (psnr(images, references, Convention("Y", 4)) - psnr(images, references) > 0.5).all()


def test_one_level_of_error_everywhere_is_48_13_db():
    grey = torch.full((1, 3, 8, 8), 100, dtype=torch.uint8)
    assert psnr(grey, grey + 1).item() == pytest.approx(48.1308, abs=1e-4)


def test_equal_images_have_infinite_psnr():
    clean, _ = noisy_pair()
    images = torch.from_numpy(clean)
    assert torch.equal(psnr(images, images), torch.full((3,), torch.inf, dtype=torch.float64))


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        (torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9)),
        (torch.zeros(3, 8, 8), torch.zeros(3, 8, 8)),
        (torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)),
        (torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)),
        (torch.zeros(1, 3, 8, 8, dtype=torch.int32), torch.zeros(1, 3, 8, 8, dtype=torch.int32)),
    ],
)
def test_images_that_cannot_be_compared_are_refused(image, reference):
    with pytest.raises(KernelInputError):
        psnr(image, reference)
