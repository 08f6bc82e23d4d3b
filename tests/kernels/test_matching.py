"""Class means, L_dis, R and Eq. 9 against sums written out in numpy."""

import numpy as np
import pytest
import torch

from gsdd.errors import KernelInputError
from gsdd.kernels.matching import class_means, matching

COUNTS = (3, 1, 4)


def draws(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_class(rows: np.ndarray) -> list[np.ndarray]:
    return np.split(rows, np.cumsum(COUNTS)[:-1])


def test_class_means_average_each_class():
    features = draws(0, 8, 5)
    wanted = np.array([part.sum(axis=0) / len(part) for part in by_class(features.numpy())])
    np.testing.assert_allclose(class_means(features, COUNTS).numpy(), wanted, rtol=1e-12)


@pytest.mark.parametrize("lam", [0.0, 0.1, 1.0])
def test_terms_follow_equations_7_8_and_9(lam):
    features, real, pairs = draws(1, 8, 5), draws(2, 3, 5), draws(3, 8, 5)
    got = matching(features, COUNTS, real, pairs, lam)
    f, x = by_class(features.numpy()), by_class(pairs.numpy())
    distribution = np.array([np.sum((f[c].mean(axis=0) - real[c].numpy()) ** 2) for c in range(3)])
    regulariser = np.array([np.mean([np.sum((a - b) ** 2) for a, b in zip(f[c], x[c], strict=True)]) for c in range(3)])
    np.testing.assert_allclose(got.distribution.numpy(), distribution, rtol=1e-12)
    np.testing.assert_allclose(got.pairs.numpy(), regulariser, rtol=1e-12)
    np.testing.assert_allclose(float(got.total), ((1 - lam) * distribution + lam * regulariser).sum(), rtol=1e-12)


def test_r_of_a_set_with_itself_is_zero():
    features = draws(4, 8, 5)
    assert matching(features, COUNTS, draws(5, 3, 5), features, 0.1).pairs.tolist() == [0.0, 0.0, 0.0]


def test_gradient_is_right_in_float64():
    real, pairs = draws(6, 3, 5), draws(7, 8, 5)
    features = draws(8, 8, 5).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda f: matching(f, COUNTS, real, pairs, 0.3).total, features)


def test_order_within_a_class_does_not_matter():
    features, real = draws(9, 8, 5), draws(10, 3, 5)
    shuffled = features[[2, 0, 1, 3, 7, 5, 6, 4]]
    torch.testing.assert_close(
        matching(features, COUNTS, real).distribution, matching(shuffled, COUNTS, real).distribution
    )


@pytest.mark.parametrize("counts", [(3, 0, 5), (3, 4), (), (-1, 9)])
def test_an_empty_class_or_a_wrong_count_is_refused(counts):
    with pytest.raises(KernelInputError, match="class counts"):
        class_means(draws(0, 8, 5), counts)


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(KernelInputError, match="real means"):
        matching(draws(0, 8, 5), COUNTS, draws(1, 3, 4))
    with pytest.raises(KernelInputError, match="pairs"):
        matching(draws(0, 8, 5), COUNTS, draws(1, 3, 5), draws(2, 7, 5))
    with pytest.raises(KernelInputError, match="features"):
        class_means(draws(0, 8), (8,))
