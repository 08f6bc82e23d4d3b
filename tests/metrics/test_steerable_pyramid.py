import numpy as np
import pytest
import torch

from gsdd.metrics.steerable_pyramid import steerable_pyramid


def draw_high_frequencies(height, width):
    """An image without what the low-pass remainder of two scales holds: radii below a quarter of half the rate."""
    spectrum = np.fft.fft2(np.random.default_rng(0).normal(size=(height, width)))
    radius = np.hypot(2 * np.fft.fftfreq(height)[:, None], 2 * np.fft.fftfreq(width)[None])
    return torch.from_numpy(np.fft.ifft2(np.where(radius < 0.26, 0, spectrum)).real)


def test_the_bands_hold_the_energy_of_the_image():
    """The squares of all filters add up to 1; a band at half the rate has a quarter of the samples."""
    image = draw_high_frequencies(61, 75)
    pyramid = steerable_pyramid(image, 2, 6)
    fine, coarse = pyramid.scales
    assert (fine.shape, coarse.shape) == ((6, 61, 75), (6, 31, 38))
    energy = pyramid.high.square().sum() + fine.square().sum()
    energy += coarse.square().sum() * (31 * 38) / (61 * 75)
    assert energy.item() == pytest.approx(image.square().sum().item(), rel=1e-9)


@pytest.mark.parametrize("orientation", range(6))
def test_a_grating_is_strongest_in_the_band_of_its_orientation(orientation):
    angle = np.pi * orientation / 6
    y, x = np.mgrid[:96, :96]
    grating = torch.from_numpy(np.sin(0.5 * np.pi * (x * np.cos(angle) + y * np.sin(angle))))
    energies = steerable_pyramid(grating, 2, 6).scales[0].square().sum(dim=(1, 2))
    assert energies.argmax() == orientation


def test_a_constant_is_in_no_band():
    pyramid = steerable_pyramid(torch.full((48, 50), 9.0, dtype=torch.float64), 2, 6)
    for band in (pyramid.high, *pyramid.scales):
        torch.testing.assert_close(band, torch.zeros_like(band))
