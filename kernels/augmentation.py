"""omega: what differentiable siamese augmentation (DSA) does to each image of a batch.

Source: Zhao and Bilen, "Dataset Condensation with Differentiable Siamese Augmentation", ICML 2021.
"""

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

from gsdd.errors import KernelInputError

STRATEGIES = ("color", "crop", "cutout", "flip", "scale", "rotate")


class Column(IntEnum):
    """Columns of `Augmentation.values`. Angles in radians, the rest in pixels or plain factors."""

    BRIGHTNESS = 0
    SATURATION = 1
    CONTRAST = 2
    SHIFT_ROWS = 3
    SHIFT_COLUMNS = 4
    CUT_TOP = 5
    CUT_BOTTOM = 6
    CUT_LEFT = 7
    CUT_RIGHT = 8
    SCALE_X = 9
    SCALE_Y = 10
    ANGLE = 11


@dataclass(frozen=True)
class Augmentation:
    """omega of a batch: which strategies act on each image, and with what parameters.

    Attributes:
        strategies: bit s set where `STRATEGIES[s]` acts, int64 `[N]`. Flip has no parameter: its bit is the draw.
        values: parameters by `Column`, float32 `[N, 12]`; read only where the strategy's bit is set.
    """

    strategies: Tensor
    values: Tensor

    def __post_init__(self) -> None:
        """Refuse tensors that do not describe one batch."""
        count = self.strategies.shape[0] if self.strategies.ndim == 1 else -1
        if self.values.shape != (count, len(Column)) or self.strategies.dtype != torch.int64:
            raise KernelInputError(
                f"augmentation: got strategies {tuple(self.strategies.shape)} {self.strategies.dtype} and values "
                f"{tuple(self.values.shape)}, wanted int64 [N] and float32 [N, {len(Column)}]"
            )

    def __len__(self) -> int:
        """Return how many images it describes."""
        return int(self.strategies.shape[0])

    def take(self, index: Tensor) -> "Augmentation":
        """Give image k of a new batch the parameters of row `index[k]`; siamese sharing is a repeated index.

        Args:
            index: rows to take, int64 `[M]`.

        Returns:
            omega of M images.
        """
        index = index.to(self.values.device)
        return Augmentation(self.strategies[index], self.values[index])

    def to(self, device: torch.device) -> "Augmentation":
        """Copy to a device."""
        return Augmentation(self.strategies.to(device), self.values.to(device))
