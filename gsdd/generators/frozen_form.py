"""Convolutions without their inputs and activations with one bit an element, in place of torch's own."""

import mmap
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from gsdd.kernels.backend import Backend
from gsdd.kernels.sign_activation import activate, carry_back
from gsdd.kernels.sign_activation.storage_order import is_dense

Numbers = int | Sequence[int]
# Autograd's functions keep what they like on it.
Context = Any


class FrozenForm(TorchFunctionMode):
    """While entered, what a network calls keeps for the backward pass no more than the gradient to its input needs.

    Values and gradients are those of torch, bit for bit. Functions that are not replaced run as they are, and keep
    what autograd keeps: that is nothing for sums, constants as factors, cat, pad with zeros, pixel shuffle, views and
    interpolation.
    """

    def __init__(self, backend: Backend = "auto") -> None:
        """Choose which implementation of `sign_activation` runs."""
        super().__init__()
        self._backend: Backend = backend

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        options = kwargs or {}
        if func in ACTIVATIONS:
            return ACTIVATIONS[func](*args, **options, backend=self._backend)
        return CONVOLUTIONS.get(func, func)(*args, **options)


def _conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> Tensor:
    margins = _margins(padding, weight, _pair(dilation))
    if input.ndim != 4 or margins is None or _is_trained(weight, bias):
        return torch.conv2d(input, weight, bias, stride, padding, dilation, groups)
    geometry = _Geometry(_pair(stride), margins, _pair(dilation), False, [0, 0], groups)
    return _convolution(input, weight, bias, geometry)


def _conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> Tensor:
    if input.ndim != 4 or _is_trained(weight, bias):
        return torch.conv_transpose2d(input, weight, bias, stride, padding, output_padding, groups, dilation)
    geometry = _Geometry(_pair(stride), _pair(padding), _pair(dilation), True, _pair(output_padding), groups)
    return _convolution(input, weight, bias, geometry)


def _leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False, *, backend: Backend) -> Tensor:
    return _activation(input, negative_slope, in_place=inplace, backend=backend)


def _relu(input: Tensor, inplace: bool = False, *, backend: Backend) -> Tensor:
    return _activation(input, 0.0, in_place=inplace, backend=backend)


def _prelu(input: Tensor, weight: Tensor, *, backend: Backend) -> Tensor:
    if _is_trained(weight):
        return torch.prelu(input, weight)
    return _activation(input, 0.0, weight if weight.ndim else weight.reshape(1), backend=backend)


CONVOLUTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.conv2d: _conv2d,
    torch.conv_transpose2d: _conv_transpose2d,
}
ACTIVATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    functional.leaky_relu: _leaky_relu,
    functional.leaky_relu_: partial(_leaky_relu, inplace=True),
    functional.relu: _relu,
    torch.relu: _relu,
    torch.relu_: partial(_relu, inplace=True),
    Tensor.relu: _relu,
    Tensor.relu_: partial(_relu, inplace=True),
    torch.prelu: _prelu,
    Tensor.prelu: _prelu,
}


class _Geometry(NamedTuple):
    """What `torch.convolution` and its gradient take, in their order."""

    stride: list[int]
    padding: list[int]
    dilation: list[int]
    transposed: bool
    output_padding: list[int]
    groups: int


def _convolution(input: Tensor, weight: Tensor, bias: Tensor | None, geometry: _Geometry) -> Tensor:
    output: Tensor = _FrozenConvolution.apply(input, weight, bias, geometry)
    return output


class _FrozenConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Context, input: Tensor, weight: Tensor, bias: Tensor | None, geometry: _Geometry) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.shape, ctx.strides, ctx.geometry = input.shape, input.stride(), geometry
        return torch.convolution(input, weight, bias, *geometry)

    @staticmethod
    def backward(ctx: Context, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (weight,) = ctx.saved_tensors
        stand_in = _stand_in(grad, ctx.shape, ctx.strides)
        wanted = [True, False, False]
        gradients = torch.ops.aten.convolution_backward.default(grad, stand_in, weight, None, *ctx.geometry, wanted)
        return gradients[0], None, None, None


def _stand_in(grad: Tensor, shape: Sequence[int], strides: Sequence[int]) -> Tensor:
    """A tensor of the input's shape and layout: for the gradient to the input nothing reads its values.

    On a CPU it is address space that no memory is ever put behind.
    """
    if not grad.is_cpu or not grad.numel():
        return grad.new_empty_strided(shape, strides)
    extent = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    space = mmap.mmap(-1, extent * grad.element_size())
    return torch.frombuffer(space, dtype=grad.dtype).as_strided(shape, strides)


class _FrozenActivation(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Context, x: Tensor, slope: float, slopes: Tensor | None, in_place: bool, backend: Backend
    ) -> Tensor:
        overwritten = in_place and is_dense(x)
        y, bits = activate(x, slope, slopes, in_place=overwritten, backend=backend)
        ctx.save_for_backward(bits, slopes)
        ctx.slope, ctx.strides, ctx.backend = slope, y.stride(), backend
        if in_place:
            ctx.mark_dirty(x)
        return x.copy_(y) if in_place and not overwritten else y

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        bits, slopes = ctx.saved_tensors
        return carry_back(grad, bits, ctx.slope, slopes, ctx.strides, backend=ctx.backend), None, None, None, None


def _activation(
    x: Tensor, slope: float, slopes: Tensor | None = None, *, in_place: bool = False, backend: Backend
) -> Tensor:
    y: Tensor = _FrozenActivation.apply(x, slope, slopes, in_place, backend)
    return y


def _is_trained(*weights: Tensor | None) -> bool:
    return any(weight is not None and weight.requires_grad for weight in weights)


def _pair(numbers: Numbers) -> list[int]:
    return [numbers] * 2 if isinstance(numbers, int) else list(numbers)


def _margins(padding: Numbers | str, weight: Tensor, dilation: list[int]) -> list[int] | None:
    """Return the padding of a side in pixels; None if one side has more than the other."""
    if not isinstance(padding, str):
        return _pair(padding)
    if padding == "valid":
        return [0, 0]
    both = [step * (size - 1) for step, size in zip(dilation, weight.shape[2:], strict=True)]
    return None if any(width % 2 for width in both) else [width // 2 for width in both]
