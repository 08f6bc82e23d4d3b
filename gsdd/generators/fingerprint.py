"""What a generator is known by: a digest of its weights, whatever file they came in."""

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[np.float32]

MANTISSA_OF_FLOAT16 = np.uint32(0xFFFFE000)
SMALLEST_NORMAL_FLOAT16 = np.float32(2.0**-14)


def fingerprint(tensors: Iterable[torch.Tensor]) -> str:
    """Digest the weights of a network, bit for bit.

    The digest is sha256 over, tensor after tensor, the number of dimensions and then each dimension as little-endian
    int64, followed by the elements in row-major order as little-endian float32. Names are left out, and so are
    integer buffers, which an architecture computes for itself: the same network has one fingerprint from any
    container and under any naming of its tensors.

    Args:
        tensors: the values of the network's `state_dict()`, in its order; any floating dtype, any device.

    Returns:
        64 hexadecimal digits.
    """
    return _digest(_floats(tensors))


def fingerprint_fp16(tensors: Iterable[torch.Tensor]) -> str:
    """Digest the weights of a network to the precision that float16 weights packages keep.

    Before the digest of `fingerprint`, every tensor of two or more dimensions loses the 13 mantissa bits that float16
    has no room for (it is cut towards zero, not rounded), and what is then smaller than 2**-14 becomes +0. Biases and
    slopes, which have one dimension, stay float32.

    ncnn converts weights so, and therefore the official float32 file of a network and its ncnn form, which differ in
    `fingerprint`, agree in this one: that is how either opens a .gsdd file made with the other. Rounding to nearest
    would not do: half of the weights of realesr-animevideov3 come out one step apart. The images of its two forms are
    68.7 dB apart, no value by more than one grey level (40 crops of 128x128).

    Source: `float32_to_float16` in ncnn's src/mat.cpp (mantissa shifted, subnormal numbers to zero) and
    `_mm256_cvtps_ph(.., _MM_FROUND_TRUNC)` in src/layer/x86/cast_fp16.h (cut, subnormal numbers kept).

    Args:
        tensors: the values of the network's `state_dict()`, in its order; any floating dtype, any device.

    Returns:
        64 hexadecimal digits.
    """
    return _digest(map(_cut, _floats(tensors)))


def _floats(tensors: Iterable[torch.Tensor]) -> Iterable[Array]:
    for tensor in tensors:
        if tensor.is_floating_point():
            yield tensor.detach().to("cpu", torch.float32).numpy()


def _cut(array: Array) -> Array:
    if array.ndim < 2:
        return array
    cut = (array.view(np.uint32) & MANTISSA_OF_FLOAT16).view(np.float32)
    return np.where(np.abs(cut) < SMALLEST_NORMAL_FLOAT16, np.float32(0), cut)


def _digest(arrays: Iterable[Array]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.array([array.ndim, *array.shape], dtype="<i8").tobytes())
        digest.update(array.astype("<f4").tobytes(order="C"))
    return digest.hexdigest()
