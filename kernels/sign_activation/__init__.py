"""LeakyReLU, PReLU and ReLU that keep one bit an element for the backward pass, and not their input."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.backend import Backend, choose
from gsdd.kernels.sign_activation.reference import sign_activation_backward_reference, sign_activation_reference
from gsdd.kernels.sign_activation.storage_order import dense, in_strides

# Autograd's functions keep what they like on it.
Context = Any


def sign_activation(x: Tensor, slope: float | Tensor, *, backend: Backend = "auto") -> Tensor:
    """Apply LeakyReLU, PReLU or ReLU, differentiable in x; torch's own result and gradient, bit for bit.

    Args:
        x: floating, any shape and memory format; a slope a channel needs `[N, C, ...]`.
        slope: factor of the elements that are not above 0. A number: 0 is ReLU, any other LeakyReLU. A tensor `[1]`
            or `[C]` of x's dtype: PReLU, frozen.
        backend: which implementation runs.

    Returns:
        Same shape, dtype and memory format (gaps between elements are left out). The graph keeps
        `ceil(x.numel() / 8)` bytes, and the slopes if they are a tensor.

    Raises:
        KernelInputError: x is not floating, the slopes do not fit it, or they want a gradient.

    Source: He et al., ICCV 2015 (PReLU); the packed mask x > 0 is after Gist, Jain et al., ISCA 2018.
    """
    if not x.is_floating_point():
        raise KernelInputError(f"sign_activation: got x of {x.dtype}, wanted a floating dtype; cast it first")
    number, slopes = (0.0, slope) if isinstance(slope, Tensor) else (float(slope), None)
    if slopes is not None:
        _check_slopes(x, slopes)
    y: Tensor = torch.ops.gsdd.sign_activation(x, number, slopes, backend)[0]
    return y


def _check_slopes(x: Tensor, slopes: Tensor) -> None:
    channels = x.shape[1] if x.ndim > 1 else 1
    if slopes.ndim != 1 or slopes.shape[0] not in (1, channels):
        raise KernelInputError(f"sign_activation: got slopes {tuple(slopes.shape)}, wanted [1] or [{channels}]")
    if (slopes.dtype, slopes.device) != (x.dtype, x.device):
        raise KernelInputError(
            f"sign_activation: got slopes of {slopes.dtype} on {slopes.device}, wanted {x.dtype} on {x.device}"
        )
    if slopes.requires_grad:
        raise KernelInputError(
            "sign_activation: got slopes that require a gradient, wanted frozen ones; detach them, or use torch's prelu"
        )


def activate(
    x: Tensor, slope: float, slopes: Tensor | None = None, *, in_place: bool = False, backend: str = "auto"
) -> tuple[Tensor, Tensor]:
    """Apply the activation without a graph: what the op does, for an autograd function that is called often.

    Args:
        x: floating, any shape and memory format.
        slope: 0 is ReLU; ignored if there are slopes.
        slopes: `[1]` or `[C]`, x's dtype; None is LeakyReLU or ReLU.
        in_place: overwrite x, which is dense; not with slopes.
        backend: which implementation runs.

    Returns:
        y, which is x if in place, and the bits that `carry_back` takes, uint8 `[ceil(numel / 8)]`.
    """
    if choose(backend, x) == "reference" or not x.numel():
        return sign_activation_reference(dense(x), slope, slopes, in_place)
    from gsdd.kernels.sign_activation.triton import sign_activation_triton

    return sign_activation_triton(dense(x), slope, slopes, in_place)


def carry_back(
    grad: Tensor, bits: Tensor, slope: float, slopes: Tensor | None, strides: Sequence[int], *, backend: str = "auto"
) -> Tensor:
    """Carry a gradient back without a graph.

    Args:
        grad: dL/dy, of any layout.
        bits: from `activate`.
        slope: as in `activate`.
        slopes: as in `activate`.
        strides: of y, dense.
        backend: which implementation runs.

    Returns:
        dL/dx, laid out as y.
    """
    grad = in_strides(grad, strides)
    if not grad.numel():
        return torch.empty_like(grad)
    if choose(backend, grad) == "reference":
        return sign_activation_backward_reference(grad, bits, slope, slopes)
    from gsdd.kernels.sign_activation.triton import sign_activation_backward_triton

    return sign_activation_backward_triton(grad, bits, slope, slopes)


@torch.library.custom_op("gsdd::sign_activation", mutates_args=())
def _forward(x: Tensor, slope: float, slopes: Tensor | None, backend: str) -> tuple[Tensor, Tensor]:
    return activate(x, slope, slopes, backend=backend)


@_forward.register_fake
def _(x: Tensor, slope: float, slopes: Tensor | None, backend: str) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x), x.new_empty((x.numel() + 7) // 8, dtype=torch.uint8)


@torch.library.custom_op("gsdd::sign_activation_backward", mutates_args=())
def _backward(
    grad: Tensor, bits: Tensor, slope: float, slopes: Tensor | None, strides: Sequence[int], backend: str
) -> Tensor:
    return carry_back(grad, bits, slope, slopes, strides, backend=backend)


@_backward.register_fake
def _(grad: Tensor, bits: Tensor, slope: float, slopes: Tensor | None, strides: Sequence[int], backend: str) -> Tensor:
    return grad.new_empty_strided(grad.shape, strides)


def _keep_bits(ctx: Context, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    _, ctx.slope, slopes, ctx.backend = inputs
    y, bits = output
    ctx.save_for_backward(bits, slopes)
    ctx.strides = y.stride()
    ctx.mark_non_differentiable(bits)
    ctx.set_materialize_grads(False)


def _gradient(ctx: Context, grad: Tensor | None, _: None) -> tuple[Tensor | None, None, None, None]:
    bits, slopes = ctx.saved_tensors
    back = torch.ops.gsdd.sign_activation_backward
    x_grad = None if grad is None else back(grad, bits, ctx.slope, slopes, ctx.strides, ctx.backend)
    return x_grad, None, None, None


def _keep_bits_again(ctx: Context, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, bits, ctx.slope, slopes, ctx.strides, ctx.backend = inputs
    ctx.save_for_backward(bits, slopes)


def _gradient_of_gradient(ctx: Context, grad: Tensor) -> tuple[Tensor, None, None, None, None, None]:
    bits, slopes = ctx.saved_tensors
    back = torch.ops.gsdd.sign_activation_backward
    return back(grad, bits, ctx.slope, slopes, ctx.strides, ctx.backend), None, None, None, None, None


_forward.register_autograd(_gradient, setup_context=_keep_bits)
_backward.register_autograd(_gradient_of_gradient, setup_context=_keep_bits_again)
