"""LeakyReLU, PReLU and ReLU in one pass over memory each way; a byte of bits a row of eight elements."""

from collections.abc import Iterator
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from gsdd.kernels.backend import interpreted
from gsdd.kernels.launch import Launch
from gsdd.kernels.sign_activation.storage_order import channel_stride, run_of
from gsdd.kernels.triton_rounding import rounded

# Bytes of bits a program of 128 threads: 16 elements a thread, or 8 where each looks up a slope of its own.
BYTES, BYTES_LOOKED_UP = 256, 128
# Name, slope, whether channels have slopes of their own, side of the image, memory format.
SHIPPED = (
    ("ReLU", 0.0, False, 64, torch.contiguous_format),
    ("LeakyReLU", 0.2, False, 64, torch.contiguous_format),
    ("PReLU NCHW", 0.0, True, 64, torch.contiguous_format),
    ("PReLU NCHW odd", 0.0, True, 63, torch.contiguous_format),
    ("PReLU NHWC", 0.0, True, 64, torch.channels_last),
)


def sign_activation_triton(
    x: Tensor, slope: float, slopes: Tensor | None, in_place: bool = False
) -> tuple[Tensor, Tensor]:
    """Apply the activation and pack the signs.

    Args:
        x: float32, bfloat16 or float16, dense, not empty.
        slope: 0 is ReLU; ignored if there are slopes.
        slopes: `[1]` or `[C]`, x's dtype; None is LeakyReLU or ReLU.
        in_place: overwrite x; every element is read before it is written, by the same thread.

    Returns:
        y and bits, as `sign_activation_reference` gives them.
    """
    y = x if in_place else torch.empty_like(x)
    bits = x.new_empty(triton.cdiv(x.numel(), 8), dtype=torch.uint8)
    forward_launch(x, y, bits, slope, slopes).run()
    return y, bits


def sign_activation_backward_triton(grad: Tensor, bits: Tensor, slope: float, slopes: Tensor | None) -> Tensor:
    """Carry a gradient back through the activation.

    Args:
        grad: dL/dy, laid out as x was, not empty.
        bits: as the forward pass gave them.
        slope: as in the forward pass.
        slopes: as in the forward pass.

    Returns:
        dL/dx, laid out as x was.
    """
    x_grad = torch.empty_like(grad)
    backward_launch(grad, bits, x_grad, slope, slopes).run()
    return x_grad


def forward_launch(x: Tensor, y: Tensor, bits: Tensor, slope: float, slopes: Tensor | None) -> Launch:
    """Return the launch that writes y and bits; x and y are dense and laid out alike."""
    arguments = {"x": run_of(x), "y": run_of(y), "bits": bits}
    return _launch(activate, x, arguments, slope, slopes)


def backward_launch(grad: Tensor, bits: Tensor, x_grad: Tensor, slope: float, slopes: Tensor | None) -> Launch:
    """Return the launch that writes x_grad; it and grad are dense and laid out alike."""
    arguments = {"grad": run_of(grad), "bits": bits, "x_grad": run_of(x_grad)}
    return _launch(carry_back, grad, arguments, slope, slopes)


def _slope_arguments(x: Tensor, slope: float, slopes: Tensor | None) -> dict[str, Any]:
    apart = channel_stride(x) if slopes is not None and len(slopes) > 1 else x.numel()
    channels = 1 if slopes is None else len(slopes)
    return {"slope": slope, "slopes": slopes, "elements": x.numel(), "channels": channels, "apart": apart}


def _launch(kernel: Any, x: Tensor, arguments: dict[str, Any], slope: float, slopes: Tensor | None) -> Launch:
    kind = _kind(x, slope, slopes)
    rows = BYTES_LOOKED_UP if kind == "prelu" else BYTES
    constants = {"KIND": kind, "BYTES": rows, "INTERPRETED": interpreted()}
    return Launch(
        kernel, (triton.cdiv(x.numel(), 8 * rows),), arguments | _slope_arguments(x, slope, slopes), constants
    )


def _kind(x: Tensor, slope: float, slopes: Tensor | None) -> str:
    if slopes is None:
        return "leaky" if slope else "relu"
    return "prelu, rows" if len(slopes) == 1 or channel_stride(x) % 8 == 0 else "prelu"


@triton.jit
def _times_slope(value, row, offset, slope, slopes, elements, channels, apart, KIND: tl.constexpr):
    if KIND != "leaky":
        # Where channels lie a multiple of eight elements apart, a row has one slope.
        start = row[:, None] * 8 if KIND == "prelu, rows" else offset
        slope = tl.load(slopes + start // apart % channels, mask=start < elements, other=0).to(tl.float32)
    return value * slope


@triton.jit
def activate(
    x, y, bits, slope, slopes, elements, channels, apart,
    KIND: tl.constexpr, BYTES: tl.constexpr, INTERPRETED: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * BYTES + tl.arange(0, BYTES)
    bit = tl.arange(0, 8)[None, :]
    offset = row[:, None] * 8 + bit
    inside = offset < elements
    value = tl.load(x + offset, mask=inside, other=0).to(tl.float32)
    if KIND == "relu":
        # As torch: -0 and NaN stay what they are, and the gradient of NaN passes.
        result = tl.where(value < 0, 0.0, value)
        passes = result != 0
    else:
        passes = value > 0
        other = _times_slope(value, row, offset, slope, slopes, elements, channels, apart, KIND)
        result = tl.where(passes, value, other)
    tl.store(y + offset, rounded(result, y.dtype.element_ty, INTERPRETED), mask=inside)
    packed = tl.sum(passes.to(tl.int32) << bit, axis=1)
    tl.store(bits + row, packed.to(tl.uint8), mask=row * 8 < elements)


@triton.jit
def carry_back(
    grad, bits, x_grad, slope, slopes, elements, channels, apart,
    KIND: tl.constexpr, BYTES: tl.constexpr, INTERPRETED: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * BYTES + tl.arange(0, BYTES)
    bit = tl.arange(0, 8)[None, :]
    offset = row[:, None] * 8 + bit
    inside = offset < elements
    value = tl.load(grad + offset, mask=inside, other=0).to(tl.float32)
    packed = tl.load(bits + row, mask=row * 8 < elements, other=0).to(tl.int32)
    passes = ((packed[:, None] >> bit) & 1) != 0
    if KIND == "relu":
        result = tl.where(passes, value, 0.0)
    else:
        other = _times_slope(value, row, offset, slope, slopes, elements, channels, apart, KIND)
        result = tl.where(passes, value, other)
    tl.store(x_grad + offset, rounded(result, x_grad.dtype.element_ty, INTERPRETED), mask=inside)


def shipped() -> Iterator[tuple[str, Launch]]:
    """Yield a name and a launch for every dtype and configuration that ships."""
    for dtype, short in {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}.items():
        for name, slope, per_channel, side, memory_format in SHIPPED:
            x = torch.empty(1, 64, side, side, dtype=dtype, device="meta", memory_format=memory_format)
            bits = torch.empty(x.numel() // 8, dtype=torch.uint8, device="meta")
            slopes = torch.empty(64, dtype=dtype, device="meta") if per_channel else None
            yield f"sign_activation, {name}, {short}", forward_launch(x, torch.empty_like(x), bits, slope, slopes)
            yield f"sign_activation_backward, {name}, {short}", backward_launch(x, bits, x, slope, slopes)
