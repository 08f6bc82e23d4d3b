"""What is compared, against scikit-image's colours and the levels that MATLAB gives."""

import numpy as np
import torch
from metrics.real_pairs import real_pairs
from skimage.color import rgb2ycbcr

from gsdd.metrics.conventions import Convention


def test_y_is_that_of_bt_601_in_studio_swing(photos):
    images, _ = real_pairs(photos)
    expected = rgb2ycbcr(images.permute(0, 2, 3, 1).numpy())[..., 0]
    np.testing.assert_allclose(Convention("Y").apply(images)[:, 0].numpy(), expected, atol=1e-9)


def test_the_border_is_left_out_on_all_sides():
    image = torch.arange(3 * 9 * 11, dtype=torch.uint8).view(1, 3, 9, 11)
    assert torch.equal(Convention(shave=4).apply(image), image[..., 4:5, 4:7].double())
    assert torch.equal(Convention(shave=0).apply(image), image.double())


def test_a_range_puts_black_and_white_where_it_says():
    image = torch.tensor([0, 255, 51], dtype=torch.uint8).view(1, 3, 1, 1)
    torch.testing.assert_close(
        Convention(range=(-1.0, 1.0)).apply(image).flatten(), torch.tensor([-1.0, 1.0, -0.6], dtype=torch.float64)
    )


def test_floats_in_0_to_1_are_the_levels_that_they_stand_for(photos):
    images, _ = real_pairs(photos, 1)
    for convention in (Convention("Y", 4), Convention("RGB", 2, range=(-1.0, 1.0))):
        torch.testing.assert_close(convention.apply(images.double() / 255), convention.apply(images))
