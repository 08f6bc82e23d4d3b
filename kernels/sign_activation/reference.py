"""LeakyReLU, PReLU and ReLU by torch's own kernels around packed signs; the path that a CPU takes."""

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from gsdd.kernels.sign_activation.storage_order import channel_stride, run_of

# Elements at a time: what is made of them on the way stays in cache, and adds little to what is live.
PACKED_AT_ONCE, SCALED_AT_ONCE = 1 << 18, 1 << 16
# Infinity as the bits of a 16-bit float: numbers above 0 are 1 to this, and NaN is beyond.
INFINITY = {torch.bfloat16: 0x7F80, torch.float16: 0x7C00}
# Times eight bytes of 0 or 1, as a little-endian word, this leaves bit i = byte i in the top byte.
GATHER = 0x0102040810204080


def sign_activation_reference(
    x: Tensor, slope: float, slopes: Tensor | None, in_place: bool = False
) -> tuple[Tensor, Tensor]:
    """Apply the activation and pack the signs.

    Args:
        x: floating, dense.
        slope: 0 is ReLU; ignored if there are slopes.
        slopes: `[1]` or `[C]`, x's dtype; None is LeakyReLU or ReLU.
        in_place: overwrite x; not with slopes.

    Returns:
        y, laid out as x; and bits, uint8 `[ceil(numel / 8)]`, bit i % 8 of byte i // 8 for element i of x's memory:
        x > 0, and for ReLU also x = NaN, where torch lets the gradient pass.
    """
    if slopes is not None:
        return torch.prelu(x, slopes), _packed(run_of(x), operator.gt)
    if slope:
        bits = _packed(run_of(x), operator.gt)
        return functional.leaky_relu(x, slope, in_place), bits
    y = functional.relu(x, in_place)
    return y, _packed(run_of(y), operator.ne)


def sign_activation_backward_reference(grad: Tensor, bits: Tensor, slope: float, slopes: Tensor | None) -> Tensor:
    """Carry a gradient back through the activation.

    Args:
        grad: dL/dy, floating, laid out as x was.
        bits: as the forward pass gave them.
        slope: as in the forward pass.
        slopes: as in the forward pass.

    Returns:
        dL/dx, laid out as x was.
    """
    if slopes is not None and _bytes_have_channels(grad, slopes):
        return _factors(bits, grad, slopes).mul_(grad)
    signs = _unpacked(bits, grad)  # its memory becomes the result's
    if slopes is not None:
        return _times_slopes(grad, signs, slopes)
    if slope:
        torch.ops.aten.leaky_relu_backward.grad_input(grad, signs, slope, False, grad_input=signs)
    else:
        torch.ops.aten.threshold_backward.grad_input(grad, signs, 0, grad_input=signs)
    return signs


def _times_slopes(grad: Tensor, signs: Tensor, slopes: Tensor) -> Tensor:
    """Multiply by 1 or the channel's slope, in the memory of the signs."""
    channels = (len(slopes), channel_stride(grad)) if len(slopes) > 1 else (1, 1)
    chunk = _multiple_near(SCALED_AT_ONCE, math.prod(channels))
    for part, sign in zip(run_of(grad).split(chunk), run_of(signs).split(chunk), strict=True):
        # prelu leaves 1 as it is and makes -1 the slope: exact in every dtype.
        torch.mul(part, torch.prelu(sign.view(-1, *channels), -slopes).view(-1), out=sign)
    return signs


def _bytes_have_channels(grad: Tensor, slopes: Tensor) -> bool:
    """Tell whether each byte of bits is of the same eight channels in every pixel."""
    return len(slopes) > 1 and len(slopes) % 8 == 0 and channel_stride(grad) == 1


def _factors(bits: Tensor, like: Tensor, slopes: Tensor) -> Tensor:
    """1 for each bit that is set and the channel's slope for the others, read from a table of all bytes."""
    signs = _signs_of_bytes(like.dtype, like.device)
    table = torch.where(signs > 0, 1, slopes.view(-1, 1, 8)).view(-1, 8)
    first = torch.arange(len(slopes) // 8, dtype=torch.int32, device=like.device) * 256
    rows = (bits.view(-1, len(first)) + first).view(-1)
    return table.index_select(0, rows).as_strided(like.shape, like.stride())


def _packed(values: Tensor, compare: Callable[[Any, int], Any]) -> Tensor:
    if values.is_cpu:
        # numpy packs eight times as fast; the clone is memory that torch knows of.
        return torch.from_numpy(np.packbits(_compared_by_numpy(values, compare), bitorder="little")).clone()
    return torch.cat([_bytes_of(compare(part, 0)) for part in values.split(PACKED_AT_ONCE)])


def _compared_by_numpy(values: Tensor, compare: Callable[[Any, int], Any]) -> NDArray[np.bool_]:
    """Compare with 0; 16-bit floats by their bits, since numpy has no bfloat16 and is slow with the other."""
    compared: NDArray[np.bool_]
    if values.dtype not in INFINITY:
        compared = compare(values.numpy(), 0)
    elif compare is operator.ne:
        compared = values.view(torch.int16).numpy() & 0x7FFF != 0
    else:  # 0 and negative numbers wrap around to the largest
        compared = (values.view(torch.int16).numpy() - 1).view(np.uint16) < INFINITY[values.dtype]
    return compared


def _bytes_of(mask: Tensor) -> Tensor:
    whole = functional.pad(mask, (0, -len(mask) % 8)) if len(mask) % 8 else mask
    return whole.view(torch.int64).mul(GATHER).bitwise_right_shift_(56).to(torch.uint8)


def _unpacked(bits: Tensor, like: Tensor) -> Tensor:
    """1 for each bit that is set and -1 for the others, laid out as another tensor."""
    signs = _signs_of_bytes(like.dtype, like.device).index_select(0, bits.int())
    return signs.as_strided(like.shape, like.stride())


@functools.cache
def _signs_of_bytes(dtype: torch.dtype, device: torch.device) -> Tensor:
    """1 or -1 for each bit of each byte, `[256, 8]`."""
    numbers = torch.arange(256, device=device)
    return (2 * (numbers[:, None] >> numbers[:8] & 1) - 1).to(dtype)


def _multiple_near(wanted: int, of: int) -> int:
    return of * max(1, wanted // of)
