"""Local filters and their nonlinearity: what `class_statistics` maps patches with."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

Nonlinearity = Literal["fourier", "relu"]
NONLINEARITIES: tuple[str, ...] = get_args(Nonlinearity)
Products = Literal["fp32", "tf32"]
PRODUCTS: tuple[str, ...] = get_args(Products)


@dataclass(frozen=True)
class FilterBank:
    """f_d(p) = sqrt(2) cos(w_d . p + b_d), or max(w_d . p + b_d, 0), of patches p.

    Attributes:
        frequencies: w, floating `[D, C, P, P]`.
        phases: b, floating `[D]`.
        stride: pixels from a patch to the next, along rows and along columns.
        nonlinearity: `fourier` or `relu`.
        products: what kernels multiply in: `fp32`, as three products of TF32, or one, `tf32`.
    """

    frequencies: Tensor
    phases: Tensor
    stride: int
    nonlinearity: str
    products: str = "fp32"

    @property
    def filters(self) -> int:
        """D."""
        return self.frequencies.shape[0]

    @property
    def patch(self) -> int:
        """P, pixels along a side of a patch."""
        return self.frequencies.shape[2]

    @property
    def fourier(self) -> bool:
        """Whether the nonlinearity is a cosine."""
        return self.nonlinearity == "fourier"

    @property
    def amplitude(self) -> float:
        """Factor of the nonlinearity."""
        return math.sqrt(2) if self.fourier else 1.0

    def grid(self, images: Tensor) -> tuple[int, int]:
        """Count rows and columns of patches that fit into an image."""
        height, width = images.shape[2:]
        return (height - self.patch) // self.stride + 1, (width - self.patch) // self.stride + 1

    def matrix(self, dtype: torch.dtype) -> Tensor:
        """Return w as `[D, C * P * P]`."""
        return self.frequencies.to(dtype).flatten(1)
