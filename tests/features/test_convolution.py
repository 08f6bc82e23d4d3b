"""Convolutions whose gradient has a gradient: against finite differences, and torch's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gsdd.features.convolution import TwiceDifferentiable


def values(*shape: int) -> torch.Tensor:
    stream = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, dtype=torch.float64, generator=stream).requires_grad_(True)


def convolved(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    with TwiceDifferentiable():
        return F.conv2d(inputs, weight, bias, (1, 1), (1, 1), (1, 1), 1).tanh()


def test_the_gradient_is_that_of_finite_differences():
    assert torch.autograd.gradcheck(convolved, (values(2, 3, 5, 4), values(4, 3, 3, 3), values(4)))


def test_the_gradient_of_the_gradient_in_the_weights_is_torchs_own_in_the_images():
    """Of two layers, so that the gradient goes through a convolution's input as well."""

    def slope(twice: bool) -> torch.Tensor:
        inputs, first, second = values(2, 3, 6, 6), values(5, 3, 3, 3), values(2, 5, 3, 3)
        bias = torch.zeros(5, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
        layer = convolved if twice else lambda *args: F.conv2d(*args, padding=1).tanh()
        made = layer(layer(inputs, first, bias[0]), second, bias[1])
        gradients = torch.autograd.grad(made.square().sum(), (first, second), create_graph=True)
        total = sum(g.square().sum() for g in gradients)
        return torch.autograd.grad(total, inputs)[0]

    torch.testing.assert_close(slope(twice=True), slope(twice=False))


def test_what_it_does_not_know_is_refused_and_other_functions_are_torchs():
    with TwiceDifferentiable():
        with pytest.raises(NotImplementedError, match=r"stride \(2, 2\)"):
            nn.Conv2d(3, 4, 3, stride=2)(torch.zeros(1, 3, 8, 8))
        assert torch.equal(F.relu(torch.tensor([-1.0, 2.0])), torch.tensor([0.0, 2.0]))
