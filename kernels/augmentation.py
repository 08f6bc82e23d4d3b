"""omega: what differentiable siamese augmentation (DSA) does to each image of a batch.

Source: Zhao and Bilen, "Dataset Condensation with Differentiable Siamese Augmentation", ICML 2021.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

from gsdd.errors import KernelInputError

OPS = ("brightness", "saturation", "contrast", "crop", "cutout", "flip", "scale", "rotate")
# What DSA picks among: "color" is three ops.
STRATEGIES: Mapping[str, tuple[str, ...]] = {
    "color": ("brightness", "saturation", "contrast"),
    **{name: (name,) for name in ("crop", "cutout", "flip", "scale", "rotate")},
}


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
    """omega of a batch: which ops act on each image, and with what parameters.

    Attributes:
        ops: bit k set where `OPS[k]` acts, int64 `[N]`. Flip has no parameter: its bit is the draw.
        values: parameters by `Column`, float32 `[N, 12]`; read only where the op's bit is set.
    """

    ops: Tensor
    values: Tensor

    def __post_init__(self) -> None:
        """Refuse tensors that do not describe one batch."""
        count = self.ops.shape[0] if self.ops.ndim == 1 else -1
        if self.values.shape != (count, len(Column)) or self.ops.dtype != torch.int64:
            raise KernelInputError(
                f"augmentation: got ops {tuple(self.ops.shape)} {self.ops.dtype} and values "
                f"{tuple(self.values.shape)}, wanted int64 [N] and float32 [N, {len(Column)}]"
            )

    def __len__(self) -> int:
        """Return how many images it describes."""
        return int(self.ops.shape[0])

    @classmethod
    def identity(cls, count: int) -> "Augmentation":
        """Leave `count` images as they are."""
        return cls(torch.zeros(count, dtype=torch.int64), torch.zeros(count, len(Column)))

    def take(self, index: Tensor) -> "Augmentation":
        """Give image k of a new batch the parameters of row `index[k]`; siamese sharing is a repeated index.

        Args:
            index: rows to take, int64 `[M]`.

        Returns:
            omega of M images.
        """
        index = index.to(self.values.device)
        return Augmentation(self.ops[index], self.values[index])

    def to(self, device: torch.device) -> "Augmentation":
        """Copy to a device."""
        return Augmentation(self.ops.to(device), self.values.to(device))


def op_bits(names: Iterable[str]) -> int:
    """Code ops as the bits of `Augmentation.ops`.

    Args:
        names: some of `OPS`.

    Returns:
        The sum of their bits.
    """
    return sum(1 << OPS.index(name) for name in names)
