"""What a checkpoint keeps of a state, looked at before it is believed: its digest shows damage, not malice."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def number_of(facts: Mapping[str, Any], name: str) -> int:
    """Read a count.

    Raises:
        ValueError: there is none, or it is no whole number from 0.
    """
    value = facts.get(name)
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} is no whole number from 0")
    return value


def tensor_of(tensors: Mapping[str, Tensor], name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    """Read a tensor.

    Args:
        tensors: by name.
        name: of the one.
        dtype: that it must have.
        shape: that it must have; -1 is any length.

    Raises:
        ValueError: there is none, or it is another one.
    """
    tensor = tensors.get(name)
    if tensor is None or tensor.dtype != dtype or len(tensor.shape) != len(shape):
        raise ValueError(f"{name} is missing, or of another kind")
    if any(wanted not in (-1, got) for wanted, got in zip(shape, tensor.shape, strict=True)):
        raise ValueError(f"{name} is {list(tensor.shape)}")
    if dtype.is_floating_point and not bool(tensor.isfinite().all()):
        raise ValueError(f"{name} is not finite")
    return tensor
