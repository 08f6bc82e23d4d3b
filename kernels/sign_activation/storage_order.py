"""Tensors as one run of memory: what an elementwise op needs to take every memory format alike."""

from collections.abc import Sequence

from torch import Tensor


def is_dense(tensor: Tensor) -> bool:
    """Tell whether the elements fill one run of memory, each once, in whatever order of axes."""
    if tensor.is_contiguous():
        return True
    run = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size == 1:
            continue
        if stride != run:
            return False
        run *= size
    return True


def dense(tensor: Tensor) -> Tensor:
    """Return the tensor, or a copy with the same order of axes where it has gaps or overlaps."""
    return tensor if is_dense(tensor) else tensor.clone()


def in_strides(tensor: Tensor, strides: Sequence[int]) -> Tensor:
    """Return the tensor, or a copy where it lies otherwise in memory.

    Args:
        tensor: of any layout.
        strides: dense ones, in elements.

    Returns:
        The same values; strides of axes of length 1 may differ, as they lead nowhere.
    """
    if tensor.stride() == tuple(strides):
        return tensor
    placed = zip(tensor.shape, tensor.stride(), strides, strict=True)
    if all(size == 1 or got == wanted for size, got, wanted in placed):
        return tensor
    return tensor.new_empty_strided(tensor.shape, tuple(strides)).copy_(tensor)


def run_of(tensor: Tensor) -> Tensor:
    """Return a dense tensor's elements in the order of memory, `[numel]`, as a view."""
    return tensor.as_strided((tensor.numel(),), (1,))


def channel_stride(tensor: Tensor) -> int:
    """Return how far apart channels lie in a dense `[N, C, ...]`: element i of its run has channel i // this % C."""
    return tensor.stride(1) if tensor.ndim > 1 and tensor.shape[1] > 1 else 1
