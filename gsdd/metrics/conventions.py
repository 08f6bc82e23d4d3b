"""What of two images is compared: the part of a metric's number that is convention, as a value."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gsdd.errors import KernelInputError

Channel = Literal["RGB", "Y"]

LEVELS = 255.0
# Luma of R, G, B in 0..255 is 16 + the weighted sum / 255000: ITU-R BT.601, as in MATLAB's rgb2ycbcr. In whole
# numbers, so that halves are rounded as halves.
LUMA = (65_481, 128_553, 24_966)
LUMA_UNIT = 255_000
LUMA_BLACK = 16


@dataclass(frozen=True)
class Convention:
    """How pixels become the numbers that a metric compares.

    Attributes:
        channel: "RGB", all three alike; or "Y", luma of BT.601 in studio swing, 16..235.
        shave: pixels left out along each border.
        rounded: whether Y is rounded to whole levels, as MATLAB does for 8-bit images; BasicSR does not.
        range: what 0 and 255 become.
    """

    channel: Channel = "RGB"
    shave: int = 0
    rounded: bool = False
    range: tuple[float, float] = (0.0, LEVELS)

    def __str__(self) -> str:
        y = f"Y of BT.601 (16..235, {'rounded' if self.rounded else 'not rounded'})"
        border = f"{self.shave} px shaved" if self.shave else "nothing shaved"
        return f"{y if self.channel == 'Y' else 'RGB'}, {border}, range {self.range[0]:g}..{self.range[1]:g}"

    @property
    def peak(self) -> float:
        """The data range: what lies between black and white of RGB."""
        return self.range[1] - self.range[0]

    def apply(self, images: Tensor) -> Tensor:
        """Bring images to what is compared.

        Args:
            images: `[N, 3, H, W]` RGB, uint8 in 0..255 or float in [0, 1] (not clamped here).

        Returns:
            float64 `[N, C, H - 2 shave, W - 2 shave]` in `range`; C is 3, or 1 for Y.
        """
        end = -self.shave or None
        levels = images[..., self.shave : end, self.shave : end].double()
        if images.dtype != torch.uint8:
            levels = levels * LEVELS
        if self.channel == "Y":
            levels = _luma(levels, self.rounded)
        return levels * (self.peak / LEVELS) + self.range[0]


WHOLE_RGB = Convention()


def border(scale: int) -> int:
    """Tell how many pixels SR papers leave out along each border: as many as the scale; none where it is 1."""
    return scale if scale > 1 else 0


def compared(
    images: Tensor, references: Tensor, convention: Convention, metric: str, smallest: int = 1
) -> tuple[Tensor, Tensor]:
    """Check two batches of images and bring both to what is compared.

    Args:
        images: `[N, 3, H, W]` RGB, uint8 in 0..255 or float in [0, 1].
        references: the same shape and the same kind of dtype.
        convention: what is compared.
        metric: its name, for messages.
        smallest: least height and width that the metric can work on, in pixels, after shaving.

    Returns:
        Images and references, as `Convention.apply` gives them.

    Raises:
        KernelInputError: they cannot be compared, or are too small.
    """
    _check_shapes(images, references, metric)
    _check_dtypes(images, references, metric)
    height, width = images.shape[2:]
    least = smallest + 2 * convention.shave
    if min(height, width) < least:
        raise KernelInputError(
            f"{metric}: got images of {width}x{height} pixels, wanted at least {least} a side ({convention.shave} are "
            f"shaved off each border, and {smallest} must be left); take larger images, or another metric"
        )
    return convention.apply(images), convention.apply(references)


def _luma(levels: Tensor, rounded: bool) -> Tensor:
    weights = torch.tensor(LUMA, dtype=levels.dtype, device=levels.device)
    sums = torch.einsum("nchw,c->nhw", levels, weights).unsqueeze(1)
    luma = ((sums + LUMA_UNIT // 2) / LUMA_UNIT).floor() if rounded else sums / LUMA_UNIT
    return luma + LUMA_BLACK


def _check_shapes(images: Tensor, references: Tensor, metric: str) -> None:
    if images.shape != references.shape or images.ndim != 4 or images.shape[1] != 3:
        raise KernelInputError(
            f"{metric}: got images {list(images.shape)} and references {list(references.shape)}; "
            "both must be [N, 3, H, W] of one size"
        )


def _check_dtypes(images: Tensor, references: Tensor, metric: str) -> None:
    kinds = {image.dtype if image.dtype == torch.uint8 else image.is_floating_point() for image in (images, references)}
    if kinds not in ({torch.uint8}, {True}):
        raise KernelInputError(
            f"{metric}: got {images.dtype} and {references.dtype}; "
            "pass two uint8 (0..255) or two float ([0, 1]) tensors"
        )
