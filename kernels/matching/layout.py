"""How rows of features are dealt out: runs of rows to classes, and pieces of runs to programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from gsdd.kernels.upload import uploaded

PIECE_ROWS = 16
PIECES_PER_CLASS = 64


@dataclass(frozen=True)
class Runs:
    """Classes as runs of rows, cut into pieces so that many programs share a long class.

    Attributes:
        pieces: int32 `[K, 3]`: class, first row, rows. Pieces follow the rows.
        classes: int32 `[C, 3]`: first piece, pieces (at most 64), rows.
    """

    pieces: Tensor
    classes: Tensor


def runs(counts: Sequence[int], device: torch.device) -> Runs:
    """Cut classes into pieces of 16 rows, or of more where a class would have over 64 pieces.

    Args:
        counts: rows of each class, all at least 1.
        device: where the result goes.

    Returns:
        The same pieces for the same counts, so that sums over them have one order.
    """
    return _runs(tuple(counts), device)


# At each step of a loop the counts are those of the step before.
@lru_cache(maxsize=64)
def _runs(counts: tuple[int, ...], device: torch.device) -> Runs:
    rows = torch.tensor(counts)
    size = PIECE_ROWS * -(-max(counts) // (PIECE_ROWS * PIECES_PER_CLASS))
    pieces = (rows + size - 1) // size
    first_piece, first_row = pieces.cumsum(0) - pieces, rows.cumsum(0) - rows
    owner = torch.arange(len(rows)).repeat_interleave(pieces)
    skipped = (torch.arange(len(owner)) - first_piece[owner]) * size
    cut = torch.stack([owner, first_row[owner] + skipped, (rows[owner] - skipped).clamp(max=size)], dim=1)
    classes = torch.stack([first_piece, pieces, rows], dim=1)
    return Runs(uploaded(cut.int(), device), uploaded(classes.int(), device))


@dataclass(frozen=True)
class FeatureLayout:
    """What a gradient must look like.

    Attributes:
        shape: `(N, D)` or `(N, C, H, W)`.
        dtype: of the features.
        channels_last: whether the features of a pixel lie side by side.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    channels_last: bool

    @classmethod
    def of(cls, features: Tensor) -> "FeatureLayout":
        """Describe features; strides that are neither of the two formats become contiguous."""
        dense = features.ndim == 2 or features.is_contiguous()
        last = not dense and features.is_contiguous(memory_format=torch.channels_last)
        return cls(tuple(features.shape), features.dtype, last)

    @property
    def pixels(self) -> int:
        """Pixels that are averaged into a row."""
        return self.shape[2] * self.shape[3] if len(self.shape) == 4 else 1

    @property
    def memory_format(self) -> torch.memory_format:
        """As torch takes it."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def empty(self, device: torch.device) -> Tensor:
        """Allocate a gradient of this layout."""
        return torch.empty(self.shape, dtype=self.dtype, device=device, memory_format=self.memory_format)
