"""CUDA graphs: thousands of launches of a function of fixed shapes, recorded once and replayed as one."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor


def graphed(function: Callable[..., Tensor], *sample: Tensor) -> Callable[..., Tensor]:
    """Record a function and the way back through it.

    Args:
        function: of tensors that always have the samples' shapes, to one tensor; reads nothing back to the host and
            draws no random numbers.
        sample: what it takes; those that want a gradient are those that will.

    Returns:
        The same function. On a GPU its result holds until it is called again, and so does its gradient; where it has no
        memory for what a recording keeps, and on a CPU, the function as it is.
    """
    if not sample[0].is_cuda:
        return function
    # make_graphed_callables checks the samples themselves, and keeps them as where inputs are copied to.
    own = tuple(tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in sample)
    try:
        recorded = torch.cuda.make_graphed_callables(function, own)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return function
    return cast(Callable[..., Tensor], recorded)
