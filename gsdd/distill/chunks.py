"""The fixed units of work: eight latents, or sixteen crops, padded, whoever computes them."""

from collections.abc import Iterator

import torch
from torch import Tensor

CHUNK = 8
CROPS = 16


def chunk_indices(index: Tensor, size: int = CHUNK) -> Iterator[tuple[Tensor, int]]:
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
