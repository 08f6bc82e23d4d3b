"""A way to store latents: what every codec does. Each is a file of its own; `codecs.py` has them by name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from gsdd.errors import DivergedError, RecipeError
from gsdd.formats.tensors import Layout

LATENTS = "latents"
SCALE = "latents.scale"
OFFSET = "latents.offset"
LENGTHS = "latents.lengths"
ALL = slice(None)
# Latents are about [0, 1]. No network makes a sound image of what is far beyond this, and of huge ones none at all.
LARGEST = 2.0**20

Shape = tuple[int, int, int, int]
Tensors = Mapping[str, np.ndarray]


class Codec(ABC):
    """A way to store float32 latents `[N, 3, h, w]` in one or more tensors; each latent is stored for itself.

    What is not abstract here holds for codecs whose every tensor has a row a latent.

    Attributes:
        since: the minor version of the format that brought it.
    """

    since: ClassVar[int] = 0

    @abstractmethod
    def layouts(self, shape: Shape) -> dict[str, Layout]:
        """Name the tensors that latents of a shape become, with dtype and shape."""

    @abstractmethod
    def encode(self, latents: np.ndarray) -> dict[str, np.ndarray]:
        """Turn float32 latents into tensors; DivergedError if one is not finite, RecipeError if it is too large."""

    @abstractmethod
    def decode(self, tensors: Tensors, shape: Shape, which: slice = ALL) -> np.ndarray:
        """Turn tensors back into a new float32 array: all latents of the shape, or some; FormatError."""

    @abstractmethod
    def check(self, tensors: Tensors, shape: Shape) -> None:
        """Refuse tensors that do not decode to finite numbers of that shape; FormatError."""

    def rounded(self, latents: np.ndarray) -> np.ndarray:
        """Give the new float32 array that decoding gives after encoding; RecipeError as there."""
        n, c, h, w = latents.shape
        return self.decode(self.encode(latents), (n, c, h, w))

    def likely_bytes(self, shape: Shape) -> int:
        """Guess the size that is free in the layouts, as it often is with photos."""
        return 0


def refuse_non_finite(latents: np.ndarray) -> None:
    """Refuse latents with NaN or infinity; DivergedError."""
    if (index := _first_not_finite(latents)) is not None:
        raise DivergedError(
            f"latent {index} of {len(latents)} holds NaN or infinity: the run diverged; use a lower learning rate"
        )


def refuse_overflow(latents: np.ndarray, stored: np.ndarray, codec: str, first: int = 0) -> None:
    """Refuse latents, of which the first has a number, that became infinite as they are stored; RecipeError."""
    if (index := _first_not_finite(stored)) is not None:
        raise RecipeError(
            f"latent {first + index} reaches {np.abs(latents[index]).max():.6g}, "
            f"more than {codec} can hold; use the codec fp32"
        )


def first_beyond(latents: np.ndarray) -> int | None:
    """Find the first of latents, all finite, that leaves -LARGEST to LARGEST; None if none does."""
    largest = np.maximum(latents.max((1, 2, 3)), -latents.min((1, 2, 3)))
    return next(iter(np.flatnonzero(largest > LARGEST).tolist()), None)


def _first_not_finite(values: np.ndarray) -> int | None:
    return next(iter(np.argwhere(~np.isfinite(values))[:, 0].tolist()), None)
