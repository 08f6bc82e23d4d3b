"""The definition of class statistics in PyTorch, and the path that a CPU takes.

A chunk of images is augmented, its patches become the columns of a matrix, and two products (one forward; the same and
its transpose backward) do nearly all the work. Projections of 56 images of 128x128 at 512 filters take 190 MB, whose
page faults cost as much as the products; a block of a few MB that is overwritten in place stays in cache. The backward
pass computes the projections again: one product more is cheaper than keeping them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gsdd.kernels.augment.batch import Batch
from gsdd.kernels.augment.reference import augment_backward_reference, augment_reference
from gsdd.kernels.class_statistics.filter_bank import FilterBank

AUGMENTED_BYTES = 3 << 19
# Projections of a block: at most 8 MB, since more small blocks wait for more threads, and a small part of a batch's.
BLOCK_ELEMENTS, BLOCKS = 1 << 21, 16


class Block(NamedTuple):
    """Patches that are projected together.

    Attributes:
        images: which of a chunk.
        top: first row of patches.
        rows: rows of patches.
    """

    images: slice
    top: int
    rows: int


class Scratch:
    """Memory that every block uses again: a fresh block would cost its page faults each time."""

    def __init__(self) -> None:
        self._memory: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return an uninitialised tensor of `like`'s dtype and device; it holds until `name` is taken again."""
        size = torch.Size(shape).numel()
        if name not in self._memory or self._memory[name].numel() < size:
            self._memory[name] = like.new_empty(size)
        return self._memory[name][:size].view(shape)


def class_statistics_reference(batch: Batch, bank: FilterBank, owners: Tensor, starts: Tensor) -> Tensor:
    """Average the mapped patches of each class.

    Args:
        batch: images, class after class.
        bank: filters, their stride and nonlinearity.
        owners: class of each image, int64 `[N]`.
        starts: first image of each class, and N, int64 `[C + 1]`.

    Returns:
        `[C, D]` of the plan's dtype.
    """
    features, scratch = batch.plan.new_zeros(len(batch.images), bank.filters), Scratch()
    for chunk in _chunks(batch):
        augmented = _augmented(batch[chunk], scratch)
        for block in _blocks(augmented, bank, len(batch.images)):
            waves = _projected(augmented, block, bank, scratch)
            waves = waves.cos_() if bank.fourier else waves.relu_()
            features[chunk][block.images] += waves.sum(dim=1)
    positions = bank.grid(batch.images)[0] * bank.grid(batch.images)[1]
    sums = batch.plan.new_zeros(len(starts) - 1, bank.filters).index_add_(0, owners, features)
    return sums.mul_(bank.amplitude / positions).div_(starts.diff()[:, None])


def class_statistics_backward_reference(
    grad: Tensor, batch: Batch, bank: FilterBank, owners: Tensor, starts: Tensor
) -> Tensor:
    """Take the gradient to the class statistics back to the images.

    Args:
        grad: `[C, D]`.
        batch: floating images, class after class.
        bank: filters, their stride and nonlinearity.
        owners: class of each image, int64 `[N]`.
        starts: first image of each class, and N, int64 `[C + 1]`.

    Returns:
        The gradient to the images, in their dtype, contiguous.
    """
    images, plan = batch.images, batch.plan
    out = torch.empty(images.shape, dtype=images.dtype, device=images.device)
    scales = _scales(grad.to(plan.dtype), images, bank, starts.diff())[owners]
    transposed, scratch = bank.matrix(plan.dtype).t(), Scratch()
    for chunk in _chunks(batch):
        augmented = _augmented(batch[chunk], scratch)
        back = scratch.take("back", tuple(augmented.shape), plan).zero_()
        for block in _blocks(augmented, bank, len(images)):
            slopes = _slopes(_projected(augmented, block, bank, scratch), bank)
            weights = transposed * scales[chunk][block.images][:, None]
            columns = scratch.take("columns", (len(slopes), len(transposed), slopes.shape[1]), plan)
            torch.bmm(weights, slopes.transpose(1, 2), out=columns)
            _add_patches(back[block.images], columns, block, bank)
        augment_backward_reference(replace(batch[chunk], images=back), out[chunk])
    return out


def _scales(grad: Tensor, images: Tensor, bank: FilterBank, counts: Tensor) -> Tensor:
    """What each filter's slopes are multiplied with, `[C, D]`; the derivative of a cosine is minus a sine."""
    rows, columns = bank.grid(images)
    sign = -1 if bank.fourier else 1
    return grad * (sign * bank.amplitude / (rows * columns)) / counts[:, None]


def _slopes(projections: Tensor, bank: FilterBank) -> Tensor:
    if bank.fourier:
        return projections.sin_()
    return torch.gt(projections, 0, out=projections)


def _chunks(batch: Batch) -> Iterator[slice]:
    size = max(1, AUGMENTED_BYTES // (batch.images[:1].numel() * batch.plan.element_size()))
    for first in range(0, len(batch.images), size):
        yield slice(first, min(first + size, len(batch.images)))


def _augmented(batch: Batch, scratch: Scratch) -> Tensor:
    out = scratch.take("augmented", tuple(batch.images.shape), batch.plan)
    augment_reference(batch, out)
    return out


def _blocks(augmented: Tensor, bank: FilterBank, total: int) -> Iterator[Block]:
    """Cut a chunk so that the projections of a block fit into the cache: into images, and large images into rows."""
    rows, columns = bank.grid(augmented)
    image = rows * columns * bank.filters
    step = max(1, min(BLOCK_ELEMENTS, total * image // BLOCKS) // image)
    height = min(rows, max(1, BLOCK_ELEMENTS // (columns * bank.filters)))
    for first in range(0, len(augmented), step):
        for top in range(0, rows, height):
            yield Block(slice(first, min(first + step, len(augmented))), top, min(height, rows - top))


def _projected(augmented: Tensor, block: Block, bank: FilterBank, scratch: Scratch) -> Tensor:
    """w . p + b of the patches of a block, `[images, patches, D]`."""
    views = augmented[block.images].unfold(2, bank.patch, bank.stride).unfold(3, bank.patch, bank.stride)
    views = views[:, :, block.top : block.top + block.rows].permute(1, 4, 5, 0, 2, 3)
    patches = scratch.take("patches", tuple(views.shape), augmented).copy_(views).flatten(3).flatten(0, 2)
    out = scratch.take("projections", (patches.shape[1], bank.filters), augmented)
    torch.addmm(bank.phases.to(out.dtype), patches.t(), bank.matrix(out.dtype).t(), out=out)
    return out.view(views.shape[3], -1, bank.filters)


def _add_patches(back: Tensor, columns: Tensor, block: Block, bank: FilterBank) -> None:
    """Add the gradients of patches, `[images, C * P * P, patches]`, to the pixels that the patches are of."""
    height = (block.rows - 1) * bank.stride + bank.patch
    top = block.top * bank.stride
    back[:, :, top : top + height] += F.fold(columns, (height, back.shape[3]), bank.patch, stride=bank.stride)
