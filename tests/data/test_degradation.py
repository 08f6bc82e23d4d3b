"""HR -> LR and 8 bits, against the formulas written in numpy."""

import numpy as np
import pytest
import torch
from pairs.numpy_bicubic import resize_matrix

from gsdd.data.degradation import downscale, to_float, to_uint8
from gsdd.errors import KernelInputError


def image(height: int, width: int) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (3, 11), (1, 1)])
def test_downscaling_is_antialiased_bicubic(scale, rows, columns):
    hr = image(rows * scale, columns * scale)
    expected = np.einsum(
        "ih,nchw,jw->ncij", resize_matrix(rows * scale, scale), hr.numpy(), resize_matrix(columns * scale, scale)
    )
    np.testing.assert_allclose(downscale(hr, scale).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(downscale(hr.float(), scale).numpy(), expected, atol=1e-5)


def test_a_flat_image_stays_flat_and_fine_stripes_turn_grey():
    flat = torch.full((1, 3, 16, 16), 0.3)
    torch.testing.assert_close(downscale(flat, 4), torch.full((1, 3, 4, 4), 0.3))
    stripes = torch.arange(64).remainder(2).float().expand(1, 3, 64, 64)
    assert (downscale(stripes, 4)[..., 2:-2] - 0.5).abs().max() < 0.01


def test_lr_is_not_clamped():
    edge = torch.zeros(1, 3, 32, 32)
    edge[..., 16:] = 1
    lr = downscale(edge, 4)
    assert lr.min() < -0.01
    assert lr.max() > 1.01


def test_gradients_flow_through_the_downscaling():
    hr = image(8, 8).requires_grad_()
    weights = torch.rand(2, 3, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (downscale(hr, 4) * weights).sum().backward()
    matrix = torch.from_numpy(resize_matrix(8, 4))
    torch.testing.assert_close(hr.grad, torch.einsum("ih,ncij,jw->nchw", matrix, weights, matrix), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("hr", "message"),
    [
        (torch.zeros(1, 3, 18, 16), "hr is 18x16; wanted sides that are multiples of the scale 4"),
        (torch.zeros(3, 16, 16), "wanted floating point"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), "hr is torch.uint8"),
    ],
)
def test_what_cannot_be_downscaled_is_refused(hr, message):
    with pytest.raises(KernelInputError, match=message):
        downscale(hr, 4)


def test_eight_bits_are_the_nearest_level_of_the_clamped_value():
    values = np.concatenate([np.linspace(-0.5, 1.5, 4001), [-np.inf, np.inf]]).astype(np.float32)
    expected = np.rint(255 * values.clip(0, 1)).astype(np.uint8)
    np.testing.assert_array_equal(to_uint8(torch.from_numpy(values)).numpy(), expected)


def test_every_eight_bit_level_survives_the_way_to_float_and_back():
    levels = torch.arange(256, dtype=torch.uint8)
    assert to_float(levels).dtype == torch.float32
    np.testing.assert_array_equal(to_float(levels).numpy(), np.arange(256, dtype=np.float32) / np.float32(255))
    assert torch.equal(to_uint8(to_float(levels)), levels)
