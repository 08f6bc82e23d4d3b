"""A convolution whose gradient has a gradient by plain convolutions again.

torch's own takes the gradient for a kernel, as large as the image: for such cuDNN has no deterministic kernel.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv2d_input, conv2d_weight
from torch.overrides import TorchFunctionMode

Saved = Any


class TwiceDifferentiable(TorchFunctionMode):
    """While entered, 2D convolutions of stride 1 with one padding on all sides are those of this module."""

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        if func is not torch.conv2d:
            return func(*args, **(kwargs or {}))
        inputs, weight, bias, stride, padding, dilation, groups = args
        if (stride, dilation, groups) != ((1, 1), (1, 1), 1) or padding[0] != padding[1]:
            raise NotImplementedError(f"a convolution of stride {stride}, dilation {dilation} and {groups} groups")
        return _Convolution.apply(inputs, weight, bias, padding[0])


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(saved: Saved, inputs: Tensor, weight: Tensor, bias: Tensor, padding: int) -> Tensor:
        saved.save_for_backward(inputs, weight)
        saved.padding = padding
        return F.conv2d(inputs, weight, bias, padding=padding)

    @staticmethod
    def backward(saved: Saved, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        inputs, weight = saved.saved_tensors
        needed = saved.needs_input_grad[0]
        in_inputs = _InputGradient.apply(gradient, weight, inputs.shape, saved.padding) if needed else None
        in_weight: Tensor = _WeightGradient.apply(inputs, gradient, weight.shape, saved.padding)
        return in_inputs, in_weight, gradient.sum(dim=(0, 2, 3)), None


class _InputGradient(torch.autograd.Function):
    @staticmethod
    def forward(saved: Saved, gradient: Tensor, weight: Tensor, shape: torch.Size, padding: int) -> Tensor:
        saved.save_for_backward(weight)
        saved.padding = padding
        found: Tensor = conv2d_input(shape, weight, gradient, padding=padding)
        return found

    @staticmethod
    def backward(saved: Saved, inputs: Tensor) -> tuple[Tensor, None, None, None]:
        """Its gradient in the gradient alone: nobody asks for that in the weights."""
        (weight,) = saved.saved_tensors
        return F.conv2d(inputs, weight, padding=saved.padding), None, None, None


class _WeightGradient(torch.autograd.Function):
    @staticmethod
    def forward(saved: Saved, inputs: Tensor, gradient: Tensor, shape: torch.Size, padding: int) -> Tensor:
        saved.save_for_backward(inputs, gradient)
        saved.padding = padding
        found: Tensor = conv2d_weight(inputs, shape, gradient, padding=padding)
        return found

    @staticmethod
    def backward(saved: Saved, weight: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Its gradient, in the direction `weight` of the weights."""
        inputs, gradient = saved.saved_tensors
        in_inputs: Tensor = conv2d_input(inputs.shape, weight, gradient, padding=saved.padding)
        return in_inputs, F.conv2d(inputs, weight, padding=saved.padding), None, None
