"""Latents as floating-point numbers: fp32 as they are, fp16 rounded."""

from dataclasses import dataclass

import numpy as np

from gsdd.errors import FormatError
from gsdd.formats.codec import ALL, LATENTS, Codec, Shape, Tensors, refuse_non_finite, refuse_overflow
from gsdd.formats.tensors import DTYPES, Layout


@dataclass(frozen=True)
class FloatCodec(Codec):
    """Latents rounded to a floating-point dtype, one of `DTYPES`."""

    name: str
    dtype: str

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
