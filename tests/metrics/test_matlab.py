import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from gsdd.errors import KernelInputError
from gsdd.metrics.matlab import blur, luma, resize


def draw_image(height=37, width=44, seed=0):
    return np.random.default_rng(seed).normal(100, 30, size=(height, width))


def test_luma_of_black_white_and_the_primaries():
    """16 and 235 are the ends of studio swing; MATLAB's documentation of rgb2ycbcr has the rest."""
    colours = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=torch.uint8)
    levels = luma(colours.T.reshape(1, 3, 1, 5), 0)
    assert levels.flatten().tolist() == [16, 235, 81, 145, 41]


def test_luma_rounds_halves_up():
    """16 + (65.481 * 198 + 128.553 * 108 + 24.966 * 43) / 255 is 125.5 exactly: a colour of coffee.png."""
    colour = torch.tensor([198, 108, 43], dtype=torch.uint8).view(1, 3, 1, 1)
    assert (65481 * 198 + 128553 * 108 + 24966 * 43) * 2 == (2 * 125 + 1 - 32) * 255_000
    assert luma(colour, 0).item() == 126


def test_luma_leaves_the_border_out():
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 20, 30), dtype=np.uint8))
    assert torch.equal(luma(images, 3), luma(images, 0)[:, 3:-3, 3:-3])


@pytest.mark.parametrize("shave", [-1, 10])
def test_a_border_without_an_inside_is_refused(shave):
    with pytest.raises(KernelInputError, match=f"border of {shave}"):
        luma(torch.zeros(1, 3, 20, 30, dtype=torch.uint8), shave)


@pytest.mark.parametrize(("border", "mode"), [("replicate", "nearest"), ("zero", "constant")])
@pytest.mark.parametrize(("size", "sigma"), [(3, 0.5), (7, 7 / 6), (11, 1.5)])
def test_blur_is_scipy_s_gaussian_filter(border, mode, size, sigma):
    image = draw_image()
    expected = ndimage.gaussian_filter(image, sigma, mode=mode, radius=size // 2)
    blurred = blur(torch.from_numpy(image), size, sigma, border)
    np.testing.assert_allclose(blurred.numpy(), expected, rtol=1e-12)
    inside = blur(torch.from_numpy(image), size, sigma, "none")
    edge = size // 2
    np.testing.assert_allclose(inside.numpy(), expected[edge:-edge, edge:-edge], rtol=1e-12)


@pytest.mark.parametrize(("height", "width"), [(18, 22), (19, 22), (74, 88), (50, 31), (37, 44)])
def test_resize_is_pillow_s_bicubic_of_the_mirrored_image(height, width):
    """Pillow leaves out what lies outside; of an image repeated in mirrors it gives what MATLAB gives."""
    image = draw_image(74, 88) if (height, width) == (37, 44) else draw_image()
    mirrored = np.pad(image, [(side, side) for side in image.shape], mode="symmetric").astype(np.float32)
    larger = np.asarray(Image.fromarray(mirrored).resize((3 * width, 3 * height), Image.Resampling.BICUBIC))
    expected = larger[height : 2 * height, width : 2 * width]
    np.testing.assert_allclose(resize(torch.from_numpy(image), height, width).numpy(), expected, atol=1e-3)
