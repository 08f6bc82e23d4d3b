"""Import first, in the environment that `build` gives: torch sees a GPU, of compute capability 9.0, that does nothing.

torch's dispatcher, allocator and autograd, and Triton's compiler and launcher, are the real ones; values are whatever
the memory holds. So it finds tensors on a wrong device, copies and launches, and never whether a number is right.
"""

import ctypes
import warnings

import torch
from torch import Tensor

EVENTS = ("kernels", "triton", "copies_in", "copies_out", "pageable", "waits")
_runtime = ctypes.CDLL(None)
_convolutions = 0


def seen() -> dict[str, int]:
    """Return how often the device was asked for each of `EVENTS` so far."""
    counts = (ctypes.c_long * len(EVENTS))()
    _runtime.stand_in_seen(counts)
    return {**dict(zip(EVENTS, counts, strict=True)), "kernels": counts[0] + _convolutions}


def _convolved(x, weight, padding, stride, dilation, groups, benchmark, deterministic, allow_tf32):
    global _convolutions
    _convolutions += not _runtime.stand_in_captures()
    sides = [
        (side + 2 * pad - gap * (kernel - 1) - 1) // step + 1
        for side, pad, gap, kernel, step in zip(x.shape[2:], padding, dilation, weight.shape[2:], stride, strict=True)
    ]
    return x.new_empty(len(x), len(weight), *sides).to(memory_format=torch.channels_last)


def _gradients(grad, x, weight, bias, stride, padding, dilation, transposed, output_padding, groups, wanted):
    global _convolutions
    _convolutions += not _runtime.stand_in_captures()
    made = torch.empty_like(x), torch.empty_like(weight), grad.new_empty(len(weight))
    return tuple(tensor if asked else None for tensor, asked in zip(made, wanted, strict=True))


def _normalised(x, weight, bias, mean, variance, training, momentum, epsilon):
    none = x.new_empty(0)
    return torch.empty_like(x), none, none, none.to(torch.uint8)


def _put(target: Tensor, indices, values, accumulate=False, unsafe=False):
    return target


def _first(values, dim=None, keepdim=False):
    """Say 0, whatever the memory holds: the host takes the number for that of a row."""
    made = values.sum(dim, keepdim).to(torch.int64)
    ctypes.memset(made.data_ptr(), 0, made.nbytes)
    return made


_aten = torch.library.Library("aten", "IMPL")
with warnings.catch_warnings(action="ignore"):  # of what is overridden
    _aten.impl("cudnn_convolution", _convolved, "CUDA")
    _aten.impl("convolution_backward", _gradients, "CUDA")
    _aten.impl("cudnn_batch_norm", _normalised, "CUDA")
    _aten.impl("_index_put_impl_", _put, "CUDA")
    _aten.impl("argmin", _first, "CUDA")
