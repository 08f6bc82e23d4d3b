"""Latents as floating-point numbers: fp32 as they are, fp16 rounded."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gsdd.errors import FormatError
from gsdd.formats.codec import ALL, LATENTS, Shape, Tensors, refuse_non_finite, refuse_overflow
from gsdd.formats.tensors import DTYPES, Layout


@dataclass(frozen=True)
class FloatCodec:
    """Latents rounded to a floating-point dtype, one of `DTYPES`."""

    name: str
    dtype: str
    since: ClassVar[int] = 0
    has_streams: ClassVar[bool] = False

    def layouts(self, shape: Shape) -> dict[str, Layout]:
        """Name the one tensor."""
        return {LATENTS: Layout(self.dtype, shape)}

    def encode(self, latents: np.ndarray) -> dict[str, np.ndarray]:
        """Round to nearest even."""
        refuse_non_finite(latents)
        with np.errstate(over="ignore"):
            stored = latents.astype(DTYPES[self.dtype])
        refuse_overflow(latents, stored, self.name)
        return {LATENTS: stored}

    def decode(self, tensors: Tensors, shape: Shape, which: slice = ALL) -> np.ndarray:
        """Widen to float32, exactly."""
        return tensors[LATENTS][which].astype(np.float32)

    def check(self, tensors: Tensors, shape: Shape) -> None:
        """Refuse NaN and infinity."""
        if not np.isfinite(tensors[LATENTS]).all():
            raise FormatError("latents hold NaN or infinity")

    def rows(self, tensors: Tensors, which: slice) -> dict[str, np.ndarray]:
        """Cut rows out of every tensor."""
        return {name: tensors[name][which] for name in self.layouts((1, 1, 1, 1))}

    def rounded(self, latents: np.ndarray) -> np.ndarray:
        """Encode and decode."""
        n, c, h, w = latents.shape
        return self.decode(self.encode(latents), (n, c, h, w))

    def likely_bytes(self, shape: Shape) -> int:
        """Nothing is free in its layouts."""
        return 0
