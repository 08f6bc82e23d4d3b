"""Latents in 8 bits, affine for each latent and channel."""

from dataclasses import dataclass

import numpy as np

from gsdd.errors import FormatError
from gsdd.formats.codec import ALL, LATENTS, OFFSET, SCALE, Codec, Shape, Tensors, refuse_non_finite, refuse_overflow
from gsdd.formats.tensors import Layout


@dataclass(frozen=True)
class AffineCodec(Codec):
    """z = q * scale + offset, q in 0..255, a scale and an offset for each latent and channel."""

    def layouts(self, shape: Shape) -> dict[str, Layout]:
        """Name the codes and their two tables."""
        table = Layout("F32", shape[:2])
        return {LATENTS: Layout("U8", shape), SCALE: table, OFFSET: table}

    def encode(self, latents: np.ndarray) -> dict[str, np.ndarray]:
        """Spread 0..255 over the range of each channel; the error is at most half a step."""
        refuse_non_finite(latents)
        # In float64 the range of two float32 numbers cannot overflow.
        low, high = latents.min((2, 3)).astype(np.float64), latents.max((2, 3)).astype(np.float64)
        scale, offset = ((high - low) / 255).astype(np.float32), low.astype(np.float32)
        steps = np.where(scale == 0, 1, scale).astype(np.float64)
        codes = np.rint((latents - low[..., None, None]) / steps[..., None, None]).clip(0, 255)
        codes[scale == 0] = 0
        refuse_overflow(latents, self._top(scale, offset)[..., None, None], "uint8")
        return {LATENTS: codes.astype(np.uint8), SCALE: scale, OFFSET: offset}

    def decode(self, tensors: Tensors, shape: Shape, which: slice = ALL) -> np.ndarray:
        """Multiply, then add, each rounded to float32: no fused multiply-add, so that every machine agrees."""
        latents = tensors[LATENTS][which].astype(np.float32)
        latents *= tensors[SCALE][which, :, None, None]
        latents += tensors[OFFSET][which, :, None, None]
        return latents

    def check(self, tensors: Tensors, shape: Shape) -> None:
        """Refuse tables that are not finite, go down, or lead to infinity."""
        scale, offset = tensors[SCALE], tensors[OFFSET]
        if not (np.isfinite(scale).all() and np.isfinite(offset).all() and (scale >= 0).all()):
            raise FormatError(f"{SCALE} or {OFFSET} hold numbers that are negative or not finite")
        if not np.isfinite(self._top(scale, offset)).all():
            raise FormatError(f"{SCALE} and {OFFSET} lead to latents that are not finite")

    @staticmethod
    def _top(scale: np.ndarray, offset: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            top: np.ndarray = np.float32(255) * scale + offset
        return top
