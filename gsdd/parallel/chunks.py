"""The fixed, padded units of work, the same for every process; their size depends on the kind of device."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from gsdd.parallel.workers import Workers

# Smaller ones share out more evenly, with less padding; larger ones run faster: the compact net does 73 %
# of a plain convolution's rate with six, 68 % with four, 78 % with eight (benchmarks/generator_rate.py).
CHUNK = 6
CROPS = 8
# On a GPU a launch costs the host as much for one image as for all, and fewer do not fill the device.
CROPS_ON_A_GPU = 256
# Of all latents of a chunk: 128 of 32x32, of which autograd keeps 15 GB of RRDBNet in bf16.
LATENT_PIXELS_ON_A_GPU = 128 * 32 * 32


def chunk_of(device: torch.device, pixels: int) -> int:
    """Say how many latents go through G together, at most.

    Args:
        device: where G computes.
        pixels: of a latent.
    """
    return CHUNK if device.type == "cpu" else max(1, LATENT_PIXELS_ON_A_GPU // pixels)


def even(count: int, most: int) -> int:
    """Give the size of equal chunks, as few as there can be.

    Args:
        count: latents in all, at least 1.
        most: of a chunk.
    """
    return -(-count // -(-count // most))


def crops_of(device: torch.device) -> int:
    """Say how many stored crops psi embeds together."""
    return CROPS if device.type == "cpu" else CROPS_ON_A_GPU


def chunk_indices(index: Tensor, size: int) -> Iterator[tuple[Tensor, int]]:
    """Cut a list of latents or crops into chunks of exactly one size; a batch of another may take other kernels.

    Args:
        index: numbers, int64 `[M]`, M at least 1.
        size: of a chunk.

    Yields:
        Numbers `[size]`, the last one repeated as padding, and how many are real.
    """
    for part in index.split(size):
        padding = part[-1:].expand(size - len(part))
        yield torch.cat([part, padding]), len(part)


def mapped(function: Callable[[Tensor], Tensor], count: int, size: int, workers: Workers) -> Tensor:
    """Compute something of each of some images or latents, in chunks that processes share out.

    Args:
        function: of numbers, int64 `[size]`; gives a row a number, on its device, without a gradient.
        count: numbers are 0 to count - 1; at least 1.
        size: of a chunk.
        workers: the processes; every one of them calls this.

    Returns:
        `[count, ...]`, in every process.
    """
    chunks = list(chunk_indices(torch.arange(count), size))
    mine = _in_one_place(function, [chunks[k][0] for k in workers.deal(len(chunks))])
    return torch.cat(workers.gather(mine, len(chunks)))[:count]


def _in_one_place(function: Callable[[Tensor], Tensor], chunks: Sequence[Tensor]) -> Sequence[Tensor]:
    """Keep results where none lies between the activations of two chunks: such memory fits nothing any more."""
    kept: Tensor | None = None
    for number, index in enumerate(chunks):
        rows = function(index)
        if kept is None:
            kept = rows.new_empty(len(chunks), *rows.shape)
        kept[number] = rows
    return () if kept is None else kept.unbind()
