"""Which latents a step moves."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.distill.bank import DistillationSource
from gsdd.parallel.chunks import CHUNK, chunk_indices
from gsdd.parallel.rows import taken
from gsdd.parallel.workers import Workers
from gsdd.randomness import numpy_stream
from gsdd.recipe import Recipe


@dataclass(frozen=True)
class Moving:
    """Latents that move together, class after class; they are computed in chunks, which processes share out.

    Attributes:
        index: their numbers, ascending, int64 `[M]`.
        counts: how many of each class.
        chunk: how many go through G together.
    """

    index: Tensor
    counts: tuple[int, ...]
    chunk: int

    @classmethod
    def pick(cls, source: DistillationSource, recipe: Recipe, number: int, chunk: int = CHUNK) -> "Moving":
        """Pick the latents of a step: of each class the next `latent_batch` of an order that is new in each round.

        Args:
            source: classes and their latents.
            recipe: `latent_batch`, of which 0 picks all, and `seed`.
            number: of the step.
            chunk: how many go through G together.

        Returns:
            The latents.
        """
        picked, first = [], 0
        for name, count in zip(source.class_names, source.counts, strict=True):
            picked.append(first + _turn(name, count, recipe, number))
            first += count
        return cls(torch.cat(picked), tuple(map(len, picked)), chunk)

    def resting(self, total: int) -> Tensor:
        """List the latents that do not move, ascending, int64 `[total - M]`.

        Args:
            total: how many there are.
        """
        resting = torch.ones(total, dtype=torch.bool)
        return resting.index_fill_(0, self.index, False).nonzero()[:, 0]

    def deal(self, rows: Tensor, workers: Workers) -> list[Tensor]:
        """Cut one row a moving latent into chunks, and return a process's own.

        Args:
            rows: `[M, ...]`.
            workers: the processes.

        Returns:
            `[CHUNK, ...]` of each own chunk, with padding.
        """
        chunks = list(chunk_indices(torch.arange(len(self.index)), self.chunk))
        return [taken(rows, chunks[k][0]) for k in workers.deal(len(chunks))]

    def gather(self, workers: Workers, mine: Sequence[Tensor]) -> Tensor:
        """Put what the processes made of their own chunks into one tensor.

        Args:
            workers: the processes.
            mine: `[CHUNK, ...]` of each own chunk.

        Returns:
            One row a moving latent, `[M, ...]`, in every process.
        """
        return torch.cat(workers.gather(mine, -(-len(self.index) // self.chunk)))[: len(self.index)]


def most_moving(counts: Sequence[int], recipe: Recipe) -> int:
    """Count the latents that a step moves; the last one of a round may move fewer.

    Args:
        counts: latents a class.
        recipe: `latent_batch`.
    """
    return sum(min(recipe.matching.latent_batch or count, count) for count in counts)


def _turn(name: str, count: int, recipe: Recipe, number: int) -> Tensor:
    """Deal a class's latents out in rounds: in each, every latent moves once, in an order of its own."""
    size = min(recipe.matching.latent_batch or count, count)
    turns = -(-count // size)
    stream = numpy_stream(recipe.seed, f"moving latents of {name}", number // turns)
    order = torch.from_numpy(stream.permutation(count))
    return order[(number % turns) * size :][:size].sort().values
