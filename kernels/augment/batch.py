"""A batch of images, how it is normalised and what augments it: what the implementations of the image ops take."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Normalisation:
    """What brings stored pixels to zero mean and unit variance; uint8 is divided by 255 first.

    Attributes:
        mean: a channel, or None to subtract nothing.
        std: a channel, or None to divide by nothing.
    """

    mean: Sequence[float] | None
    std: Sequence[float] | None

    def __call__(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        """Normalise `[N, C, H, W]` in `dtype`; images that are ready come back as they are."""
        values = images.to(dtype)
        if images.dtype == torch.uint8:
            values = values.div_(255)
        if self.mean is not None:
            values = values - self._channels(self.mean, values)
        return self.transposed(values)

    def transposed(self, values: Tensor) -> Tensor:
        """Divide by std: what normalisation does to differences, and to gradients."""
        return values if self.std is None else values / self._channels(self.std, values)

    @staticmethod
    def _channels(numbers: Sequence[float], like: Tensor) -> Tensor:
        return like.new_tensor(list(numbers))[:, None, None]


@dataclass(frozen=True)
class Batch:
    """Images and what augments them; kernels take three channels and a float32 plan.

    Attributes:
        images: uint8 or floating `[N, C, H, W]`, any strides; on the way back, the gradient to augmented images.
        ops: bits of `Augmentation.ops`, integers `[N]`.
        plan: of `plan_of`, `[N, 19]`; all computation is of its dtype.
        normalisation: of the images.
        means: of the normalised images, `[N]`, for contrast; None where they are not known.
    """

    images: Tensor
    ops: Tensor
    plan: Tensor
    normalisation: Normalisation
    means: Tensor | None = None

    def __getitem__(self, part: slice) -> "Batch":
        """Return some of the images with what augments them."""
        means = None if self.means is None else self.means[part]
        return Batch(self.images[part], self.ops[part], self.plan[part], self.normalisation, means)
