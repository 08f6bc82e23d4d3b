"""The definition of DSA in PyTorch, and the path that a CPU takes.

Work goes in chunks of images that stay in the processor's cache from the first op to the last: a batch of 256 images of
128x128 takes 50 MB, and each fresh 50 MB costs as much in page faults as an op. Images with the same ops share a chunk;
where they also share their parameters, as siamese augmentation does, crops and flips are slices.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from gsdd.kernels.augment.batch import Batch, Normalisation
from gsdd.kernels.augment.frames import framed, framed_back
from gsdd.kernels.augment.groups import Group, groups
from gsdd.kernels.augment.plan import RESAMPLING, PlanColumn
from gsdd.kernels.augment.sampling import Taps, resample, resample_back, taps
from gsdd.kernels.augmentation import OPS

CHUNK_BYTES = 3 << 19
BRIGHTNESS, SATURATION, CONTRAST, FLIP = (
    1 << OPS.index(name) for name in ("brightness", "saturation", "contrast", "flip")
)
COLOR = BRIGHTNESS | SATURATION | CONTRAST


def augment_reference(batch: Batch, out: Tensor) -> None:
    """Write A(images, omega).

    Args:
        batch: images; their means are computed after saturation where none are given, as the public DSA code does.
        out: where to, floating `[N, C, H, W]` of any strides.
    """
    dtype = batch.plan.dtype
    for part, sampled in _chunks(batch):
        levels = None if batch.means is None else part.take(batch.means)
        colored = _colored(batch.normalisation(part.take(batch.images), dtype), part, levels)
        part.put(out, _mapped(framed(colored, part.rows), part, sampled))


def augment_backward_reference(batch: Batch, out: Tensor) -> None:
    """Write the gradient to the images.

    Args:
        batch: the gradient to the augmented images in place of the images.
        out: where to, floating `[N, C, H, W]` of any strides.
    """
    dtype = batch.plan.dtype
    for part, sampled in _chunks(batch):
        frames = _mapped_back(part.take(batch.images).to(dtype), part, sampled)
        part.put(out, batch.normalisation.transposed(_colored_back(framed_back(frames, part.rows), part)))


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


def _chunks(batch: Batch) -> Iterator[tuple[Group, Taps | None]]:
    """Cut a batch into chunks; taps that a whole group shares are worked out once."""
    count, size = _images_in_chunk(batch.images, batch.plan.dtype), tuple(batch.images.shape[2:])
    for group in groups(batch.ops, batch.plan):
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
