"""How latents are stored: fp32 as they are, fp16 rounded, uint8 affine per latent and channel."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np

from gsdd.errors import FormatError, RecipeError
from gsdd.formats.tensors import DTYPES, Layout

LATENTS = "latents"
SCALE = "latents.scale"
OFFSET = "latents.offset"


class Codec(Protocol):
    """A way to store float32 latents `[N, C, h, w]` in one or more tensors."""

    def layouts(self, shape: tuple[int, int, int, int]) -> dict[str, Layout]:
        """Name the tensors that latents of a shape become, with dtype and shape."""
        ...

    def encode(self, latents: np.ndarray) -> dict[str, np.ndarray]:
        """Turn finite float32 latents into tensors; RecipeError if a value cannot be stored."""
        ...

    def decode(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """Turn tensors back into a new float32 array."""
        ...

    def check(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Refuse tensors that do not decode to finite numbers; FormatError."""
        ...


@dataclass(frozen=True)
class FloatCodec:
    """Latents rounded to a floating-point dtype, one of `DTYPES`."""

    name: str
    dtype: str

    def layouts(self, shape: tuple[int, int, int, int]) -> dict[str, Layout]:
        """Name the one tensor."""
        return {LATENTS: Layout(self.dtype, shape)}

    def encode(self, latents: np.ndarray) -> dict[str, np.ndarray]:
        """Round to nearest even."""
        _refuse_non_finite(latents)
        with np.errstate(over="ignore"):
            stored = latents.astype(DTYPES[self.dtype])
        _refuse_overflow(latents, stored, self.name)
        return {LATENTS: stored}

    def decode(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """Widen to float32, exactly."""
        return tensors[LATENTS].astype(np.float32)

    def check(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Refuse NaN and infinity."""
        if not np.isfinite(tensors[LATENTS]).all():
            raise FormatError("latents hold NaN or infinity")


@dataclass(frozen=True)
class AffineCodec:
    """z = q * scale + offset, q in 0..255, a scale and an offset for each latent and channel."""

    def layouts(self, shape: tuple[int, int, int, int]) -> dict[str, Layout]:
        """Name the codes and their two tables."""
        table = Layout("F32", shape[:2])
        return {LATENTS: Layout("U8", shape), SCALE: table, OFFSET: table}

    def encode(self, latents: np.ndarray) -> dict[str, np.ndarray]:
        """Spread 0..255 over the range of each channel; the error is at most half a step."""
        _refuse_non_finite(latents)
        # In float64 the range of two float32 numbers cannot overflow.
        low, high = latents.min((2, 3)).astype(np.float64), latents.max((2, 3)).astype(np.float64)
        scale, offset = ((high - low) / 255).astype(np.float32), low.astype(np.float32)
        steps = np.where(scale == 0, 1, scale).astype(np.float64)
        codes = np.rint((latents - low[..., None, None]) / steps[..., None, None]).clip(0, 255)
        codes[scale == 0] = 0
        _refuse_overflow(latents, self._top(scale, offset)[..., None, None], "uint8")
        return {LATENTS: codes.astype(np.uint8), SCALE: scale, OFFSET: offset}

    def decode(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """Multiply, then add, each rounded to float32: no fused multiply-add, so that every machine agrees."""
        latents = tensors[LATENTS].astype(np.float32)
        latents *= tensors[SCALE][..., None, None]
        latents += tensors[OFFSET][..., None, None]
        return latents

    def check(self, tensors: Mapping[str, np.ndarray]) -> None:
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


CODECS: Mapping[str, Codec] = MappingProxyType(
    {"fp32": FloatCodec("fp32", "F32"), "fp16": FloatCodec("fp16", "F16"), "uint8": AffineCodec()}
)


def _refuse_non_finite(latents: np.ndarray) -> None:
    bad = ~np.isfinite(latents)
    if bad.any():
        index = int(np.argwhere(bad)[0][0])
        raise RecipeError(
            f"latent {index} of {len(latents)} holds NaN or infinity: the run diverged; use a lower learning rate"
        )


def _refuse_overflow(latents: np.ndarray, stored: np.ndarray, codec: str) -> None:
    bad = ~np.isfinite(stored)
    if bad.any():
        index = int(np.argwhere(bad)[0][0])
        raise RecipeError(
            f"latent {index} of {len(latents)} reaches {np.abs(latents[index]).max():.6g}, "
            f"more than {codec} can hold; use the codec fp32"
        )
