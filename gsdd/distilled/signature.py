"""Signatures of HR images: 64 bytes each, which distinguish rounding noise from a different decoding."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from gsdd.distilled.decode import CHUNK, decode
from gsdd.errors import KernelInputError
from gsdd.formats.manifest import Manifest
from gsdd.generators.generator import CHANNELS, Generator
from gsdd.parallel.chunks import mapped
from gsdd.parallel.workers import ALONE, Workers

BLOCKS = 8
STEPS = 256
# 1/64 grey level. Another fp32 implementation moves the mean of a block by far less, bf16 by about 0.2 levels.
TOLERANCE = 4
# In the small blocks of images below 60 pixels two values that are rounded the other way move the mean by more.
FLIPS = 2


@dataclass(frozen=True)
class Comparison:
    """What came of comparing the signatures of a file with those of images that were decoded now.

    Args:
        images: how many were compared.
        differing: numbers of those that differ by more than rounding, in ascending order; of classes, where a file
            signs one image of each.
        largest_difference: of the mean of any block, in grey levels modulo 1, so 0 to 0.5.
        tolerance: the largest difference that rounding explains, in grey levels.
    """

    images: int
    differing: tuple[int, ...]
    largest_difference: float
    tolerance: float


def signatures(hr: Tensor) -> Tensor:
    """Give the fraction, in 1/256 grey level, of the mean of each of 8x8 blocks over all three channels.

    Block i of a side reaches from floor(i * side / 8) to ceil((i + 1) * side / 8), as in `adaptive_avg_pool2d`. The
    arithmetic is of whole numbers, so equal images have equal signatures everywhere. A thumbnail of as many bytes
    would hold the whole levels instead, and see nothing of bf16.

    Args:
        hr: HR images, uint8 RGB `[N, 3, H, W]`.

    Returns:
        uint8 `[N, 8, 8]`: floor(256 * sum / count) mod 256.

    Raises:
        KernelInputError: hr has another shape or dtype.
    """
    if hr.dtype != torch.uint8 or hr.ndim != 4 or hr.shape[1] != CHANNELS:
        raise KernelInputError(f"hr is {hr.dtype} {list(hr.shape)}; wanted torch.uint8 [N, 3, H, W]")
    rows, columns = (_bounds(side) for side in hr.shape[2:])
    sums = _block_sums(_block_sums(hr.sum(1, dtype=torch.int64), 1, *rows), 2, *columns)
    counts = CHANNELS * torch.outer(*(end - start for start, end in (rows, columns)))
    return (STEPS * sums // counts.to(sums.device) % STEPS).to(torch.uint8)


def decode_signatures(
    generator: Generator,
    latents: Tensor,
    progress: Callable[[int, int], None] | None = None,
    workers: Workers = ALONE,
    *,
    grey: bool = False,
) -> Tensor:
    """Decode latents chunk by chunk and keep nothing of the images but their signatures.

    Args:
        generator: G; the work runs on its device.
        latents: as a reader of the file gets them, float32 `[N, C, h, w]`, N at least 1.
        progress: called with (images done, images in all) after each chunk of each process.
        workers: the processes that share out the chunks.
        grey: whether the images are decoded as grey.

    Returns:
        uint8 `[N, 8, 8]`, on the CPU.

    Raises:
        ImageNotFiniteError: an image is not finite.
    """
    parts: list[Tensor] = []
    for index in torch.arange(len(latents)).split(CHUNK * workers.size):
        several = partial(_signatures_of, generator, latents, index, grey)
        parts.append(mapped(several, len(index), CHUNK, workers))
        if progress is not None:
            progress(sum(map(len, parts)), len(latents))
    return torch.cat(parts)


def _signatures_of(generator: Generator, latents: Tensor, several: Tensor, grey: bool, index: Tensor) -> Tensor:
    return signatures(decode(generator, latents[several[index]], several[index].tolist(), grey=grey))


def signed_latents(manifest: Manifest, class_index: Tensor) -> Tensor:
    """Tell whose images a file signs.

    Args:
        manifest: of the file.
        class_index: the class of each latent, `[N]`.

    Returns:
        Numbers of latents, int64 `[M]`: all, or the first of each class.
    """
    every = torch.arange(len(class_index))
    if not manifest.signs_classes:
        return every
    return every[torch.diff(class_index, prepend=class_index.new_tensor([-1])) != 0]


def thinned(signed: Tensor, manifest: Manifest) -> Tensor:
    """Leave of signatures what a file has of them: all, or every other row and column.

    Args:
        signed: uint8 `[M, 8, 8]`.
        manifest: of the file.

    Returns:
        uint8 of the manifest's `signature_shape`.
    """
    return signed[:, ::2, ::2].contiguous() if manifest.signs_classes else signed


def compare(got: Tensor, wanted: Tensor, hr_size: int) -> Comparison:
    """Compare two sets of signatures, circularly: 255 and 0 are neighbours.

    Args:
        got: of the images decoded now, uint8 `[M, 8, 8]`, or thinned.
        wanted: of the file, as many.
        hr_size: side of the images in pixels.

    Returns:
        Which images differ.
    """
    steps = (got.int() - wanted.int()) % STEPS
    steps = torch.minimum(steps, STEPS - steps).flatten(1)
    allowed = _tolerance(hr_size)
    differing = (steps > allowed).any(dim=1).nonzero().flatten().tolist()
    return Comparison(len(steps), tuple(differing), int(steps.max()) / STEPS, allowed / STEPS)


def _tolerance(hr_size: int) -> int:
    start, end = _bounds(hr_size)
    values = CHANNELS * int((end - start).min()) ** 2
    return max(TOLERANCE, -(-FLIPS * STEPS // values))


def _bounds(side: int) -> tuple[Tensor, Tensor]:
    block = torch.arange(BLOCKS)
    return block * side // BLOCKS, -(-(block + 1) * side // BLOCKS)


def _block_sums(values: Tensor, dim: int, start: Tensor, end: Tensor) -> Tensor:
    sums = torch.cat([torch.zeros_like(values.narrow(dim, 0, 1)), values.cumsum(dim)], dim)
    return sums.index_select(dim, end.to(sums.device)) - sums.index_select(dim, start.to(sums.device))
