"""The definition of DSA in PyTorch, and the path that a CPU takes.

Work goes in chunks of images that stay in the processor's cache from the first op to the last: a batch of 256 images of
128x128 takes 50 MB, and each fresh 50 MB costs as much in page faults as an op. Images with the same ops share a chunk;
where they also share their parameters, as siamese augmentation does, crops and flips are slices.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.kernels.augment_frames import framed, framed_back
from gsdd.kernels.augment_groups import Group, groups
from gsdd.kernels.augment_plan import RESAMPLING, PlanColumn
from gsdd.kernels.augmentation import OPS
from gsdd.kernels.sampling_reference import Taps, resample, resample_back, taps

CHUNK_BYTES = 3 << 19
BRIGHTNESS, SATURATION, CONTRAST, FLIP = (
    1 << OPS.index(name) for name in ("brightness", "saturation", "contrast", "flip")
)
COLOR = BRIGHTNESS | SATURATION | CONTRAST


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


def augment_reference(
    images: Tensor, ops: Tensor, plan: Tensor, normalisation: Normalisation, means: Tensor | None, out: Tensor
) -> None:
    """Write A(images, omega).

    Args:
        images: uint8 or floating `[N, C, H, W]`.
        ops: bits of `Augmentation.ops`, `[N]`.
        plan: of `augment_plan.plan`, `[N, 19]`; all computation is of its dtype.
        normalisation: of the images.
        means: of the normalised images, `[N]`; None: computed after saturation, as the public DSA code does.
        out: where to, floating `[N, C, H, W]` of any strides.
    """
    for part, sampled in _chunks(images, ops, plan):
        levels = None if means is None else part.take(means)
        colored = _colored(normalisation(part.take(images), plan.dtype), part, levels)
        part.put(out, _mapped(framed(colored, part.rows), part, sampled))


def augment_backward_reference(
    grad: Tensor, ops: Tensor, plan: Tensor, normalisation: Normalisation, out: Tensor
) -> None:
    """Write the gradient to the images.

    Args:
        grad: to the augmented images, floating `[N, C, H, W]`.
        ops: bits of `Augmentation.ops`, `[N]`.
        plan: of `augment_plan.plan`, `[N, 19]`; all computation is of its dtype.
        normalisation: of the images.
        out: where to, floating `[N, C, H, W]` of any strides.
    """
    for part, sampled in _chunks(grad, ops, plan):
        frames = _mapped_back(part.take(grad).to(plan.dtype), part, sampled)
        part.put(out, normalisation.transposed(_colored_back(framed_back(frames, part.rows), part)))


def image_means_reference(images: Tensor, normalisation: Normalisation, out: Tensor) -> None:
    """Write the mean of each normalised image.

    Args:
        images: uint8 or floating `[N, C, H, W]`.
        normalisation: of the images.
        out: where to, `[N]`; all computation is of its dtype.
    """
    count = _images_in_chunk(images, out.dtype)
    for chunk, mean in zip(images.split(count), out.split(count), strict=True):
        mean.copy_(_image_mean(normalisation(chunk, out.dtype)).view(-1))


def _chunks(images: Tensor, ops: Tensor, plan: Tensor) -> Iterator[tuple[Group, Taps | None]]:
    """Cut a batch into chunks; taps that a whole group shares are worked out once."""
    count, size = _images_in_chunk(images, plan.dtype), tuple(images.shape[2:])
    for group in groups(ops, plan):
        resamples = group.bits & RESAMPLING
        shared = taps(group.rows, *size) if resamples and group.shared else None
        for part in group.split(count):
            yield part, taps(part.rows, *size) if resamples and shared is None else shared


def _images_in_chunk(images: Tensor, dtype: torch.dtype) -> int:
    return max(1, CHUNK_BYTES // max(1, images[:1].numel() * dtype.itemsize))


def _mapped(frames: Tensor, group: Group, sampled: Taps | None) -> Tensor:
    if sampled is not None:
        return resample(frames, sampled)
    return frames.flip(3) if group.bits & FLIP else frames


def _mapped_back(grad: Tensor, group: Group, sampled: Taps | None) -> Tensor:
    if sampled is not None:
        return resample_back(grad, sampled)
    return grad.flip(3) if group.bits & FLIP else grad


def _column(rows: Tensor, column: PlanColumn) -> Tensor:
    return rows[:, column, None, None, None]


def _colored(images: Tensor, group: Group, means: Tensor | None) -> Tensor:
    """Apply brightness, saturation and contrast; a new tensor unless none acts."""
    bits, rows = group.bits, group.rows
    if not bits & COLOR:
        return images
    brightness = _column(rows, PlanColumn.BRIGHTNESS)
    images = images + brightness
    if bits & SATURATION:
        _spread_(images, images.mean(dim=1, keepdim=True), _column(rows, PlanColumn.SATURATION))
    if bits & CONTRAST:
        level = _image_mean(images) if means is None else means.view(-1, 1, 1, 1) + brightness
        _spread_(images, level, _column(rows, PlanColumn.CONTRAST))
    return images


def _spread_(images: Tensor, level: Tensor, factor: Tensor) -> None:
    images.sub_(level).mul_(factor).add_(level)


def _image_mean(images: Tensor) -> Tensor:
    """Average each image, `[N, 1, 1, 1]`; torch would share one sum among threads, and add in another order."""
    several = images if len(images) > 1 else torch.cat([images, images])
    return several.mean(dim=(1, 2, 3), keepdim=True)[: len(images)]


def _colored_back(grad: Tensor, group: Group) -> Tensor:
    """Transpose of the color ops: factor * g + (1 - factor) * mean of g over what the level was the mean of."""
    if group.bits & CONTRAST:
        grad = _spread_back(grad, _image_mean(grad), _column(group.rows, PlanColumn.CONTRAST))
    if group.bits & SATURATION:
        grad = _spread_back(grad, grad.mean(dim=1, keepdim=True), _column(group.rows, PlanColumn.SATURATION))
    return grad


def _spread_back(grad: Tensor, level: Tensor, factor: Tensor) -> Tensor:
    return (grad * factor).add_(level.mul_(1 - factor))
