import numpy as np
import pytest
import torch
from metrics.real_pairs import real_pairs
from skimage.metrics import peak_signal_noise_ratio

from gsdd.errors import KernelInputError
from gsdd.metrics.conventions import Convention
from gsdd.metrics.psnr import psnr


def noisy_pair():
    draws = np.random.default_rng(0)
    clean = draws.integers(0, 256, size=(3, 3, 17, 23), dtype=np.uint8)
    noise = draws.integers(-20, 21, size=clean.shape)
    return clean, np.clip(clean + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("dtype", "data_range", "rtol"), [(np.uint8, 255, 1e-12), (np.float32, 1.0, 1e-6)])
def test_images_of_their_dtype_s_range_agree_with_skimage_one_by_one(dtype, data_range, rtol):
    clean, noisy = (image if dtype == np.uint8 else image.astype(dtype) / 255 for image in noisy_pair())
    expected = [peak_signal_noise_ratio(a, b, data_range=data_range) for a, b in zip(clean, noisy, strict=True)]
    measured = psnr(torch.from_numpy(noisy), torch.from_numpy(clean))
    np.testing.assert_allclose(measured.numpy(), expected, rtol=rtol)


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


def test_equal_images_have_infinite_psnr():
    images = torch.from_numpy(noisy_pair()[0])
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
