"""A sampler that behaves as BasicSR's: it repeats indices within an epoch and tells the dataset nothing."""

import math
from collections.abc import Iterator, Sized

import torch


class EnlargedSampler:
    def __init__(self, dataset: Sized, ranks: int, rank: int, ratio: int) -> None:
        self._ranks, self._rank, self._length = ranks, rank, len(dataset)
        self._share = math.ceil(self._length * ratio / ranks)
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        everything = torch.randperm(self._share * self._ranks, generator=torch.Generator().manual_seed(self.epoch))
        return iter((everything % self._length)[self._rank :: self._ranks].tolist())

    def __len__(self) -> int:
        return self._share
