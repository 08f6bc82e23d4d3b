"""SSIM against scikit-image, and against the published window slid by scipy."""

import numpy as np
import pytest
import torch
from metrics.real_pairs import real_pairs
from scipy.signal import convolve2d
from skimage.color import rgb2ycbcr
from skimage.metrics import structural_similarity

from gsdd.errors import KernelInputError
from gsdd.metrics.conventions import Convention
from gsdd.metrics.ssim import ssim


def shaved(images):
    return images[..., 4:-4, 4:-4].permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize(
    ("convention", "compared", "data_range"),
    [
        (Convention("RGB", 4), lambda image: image.astype(np.float64), 255),
        (Convention("Y", 4), lambda image: rgb2ycbcr(image)[..., :1], 255),
        (Convention("RGB", 4, range=(-1.0, 1.0)), lambda image: image / 127.5 - 1, 2),
    ],
    ids=["RGB", "Y", "-1 to 1"],
)
def test_ssim_agrees_with_skimage_and_has_the_convention_s_range(photos, convention, compared, data_range):
    images, references = real_pairs(photos)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
    expected = [
        structural_similarity(compared(one), compared(other), data_range=data_range, **settings)
        for one, other in zip(shaved(images), shaved(references), strict=True)
    ]
    np.testing.assert_allclose(ssim(images, references, convention).numpy(), expected, atol=1e-9)


def test_ssim_of_y_agrees_with_the_published_formula_slid_by_scipy(photos):
    images, references = real_pairs(photos, 1, 44, 52)
    x, y = (rgb2ycbcr(shaved(part)[0])[..., 0] for part in (images, references))
    axis = np.arange(-5, 6)
    window = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(values):
        return convolve2d(values, window, mode="valid")

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    covariance = mean(x * y) - mean(x) * mean(y)
    variances = mean(x * x) - mean(x) ** 2, mean(y * y) - mean(y) ** 2
    similarity = (2 * mean(x) * mean(y) + c1) * (2 * covariance + c2)
    similarity /= (mean(x) ** 2 + mean(y) ** 2 + c1) * (sum(variances) + c2)
    assert ssim(images, references, Convention("Y", 4)).item() == pytest.approx(similarity.mean(), abs=1e-9)


def test_equal_images_have_an_ssim_of_one_and_no_images_have_none(photos):
    images, _ = real_pairs(photos)
    torch.testing.assert_close(ssim(images, images), torch.ones(3, dtype=torch.float64))
    assert ssim(images[:0], images[:0]).shape == (0,)


def test_the_window_must_fit():
    smallest = torch.zeros(1, 3, 19, 19, dtype=torch.uint8)
    assert ssim(smallest, smallest, Convention(shave=4)).item() == 1
    with pytest.raises(KernelInputError, match="ssim: got images of 19x18 pixels, wanted at least 19 a side"):
        ssim(smallest[..., 1:, :], smallest[..., 1:, :], Convention(shave=4))
