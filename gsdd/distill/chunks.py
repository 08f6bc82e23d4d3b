"""The fixed unit of work: eight latents, padded, whoever computes them."""

from collections.abc import Iterator

import torch
from torch import Tensor

CHUNK = 8


def chunk_indices(index: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Cut a list of latents into chunks of exactly `CHUNK`; a batch of another size may take other kernels.

    Args:
        index: latent numbers, int64 `[M]`, M at least 1.

    Yields:
        Latent numbers `[CHUNK]`, the last one repeated as padding, and how many are real.
    """
    for part in index.split(CHUNK):
        padding = part[-1:].expand(CHUNK - len(part))
        yield torch.cat([part, padding]), len(part)
