import numpy as np
import pytest
import torch
from scipy.stats import gennorm

from gsdd.metrics.generalised_gaussian import fit_asymmetric, fit_shape

# Evenly spaced ranks: a sample without chance.
RANKS = (np.arange(200_000) + 0.5) / 200_000
SHAPES = [0.7, 1.0, 2.0, 5.0]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape_is_found_whatever_mean_and_scale(shape):
    samples = np.stack([gennorm.ppf(RANKS, shape), gennorm.ppf(RANKS, shape, loc=3, scale=0.5)])
    np.testing.assert_allclose(fit_shape(torch.from_numpy(samples)).numpy(), shape, rtol=5e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_two_scales_of_an_asymmetric_distribution_are_found(shape):
    """Each side has as much weight as its scale: the density is continuous at 0."""
    left, right = 0.5, 1.5
    half = gennorm.ppf(0.5 + RANKS / 2, shape)
    samples = np.concatenate([-left * half[::3], right * half])
    fit = fit_asymmetric(torch.from_numpy(samples)[None])
    np.testing.assert_allclose(torch.cat(fit).numpy(), [shape, left, right], rtol=1e-2)


def test_rows_are_fitted_one_by_one():
    samples = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 500)))
    assert torch.equal(fit_shape(samples), torch.cat([fit_shape(row[None]) for row in samples]))
    together = torch.stack(fit_asymmetric(samples))
    assert torch.equal(together, torch.cat([torch.stack(fit_asymmetric(row[None])) for row in samples], dim=1))


def test_a_row_of_zeros_has_the_greatest_shape_and_no_scale():
    zeros = torch.zeros(1, 48, dtype=torch.float64)
    assert fit_shape(zeros).item() == 10
    fit = fit_asymmetric(zeros)
    assert fit.left.isnan().all()
    assert fit.right.isnan().all()
