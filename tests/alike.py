"""Whether two functions, or two networks, are the same to the bit."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def assert_alike(one: Callable[[Tensor], Tensor], other: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Compare two functions of a tensor, and the gradients that their outputs' squares carry back."""
    results = []
    for function in (one, other):
        leaf = x.detach().clone().requires_grad_(True)
        y = function(leaf)
        results.append((y.detach(), torch.autograd.grad(y.square().sum(), leaf)[0]))
    for value, wanted in zip(*results, strict=True):
        torch.testing.assert_close(value, wanted, rtol=0, atol=0)


def assert_compiles(function: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Compare a function with what torch compiles of it, without a graph break."""
    assert_alike(function, torch.compile(function, backend="aot_eager", fullgraph=True), x)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have tensors of the same names and values."""
    here, there = one.state_dict(), other.state_dict()
    return here.keys() == there.keys() and all(value.equal(there[name]) for name, value in here.items())
