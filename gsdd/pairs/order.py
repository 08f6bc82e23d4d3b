"""The order of an epoch, and this rank's share of it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from gsdd.errors import RecipeError
from gsdd.randomness import numpy_stream


class Place(NamedTuple):
    """A place in the epochs: samples of this one that all ranks together have taken."""

    epoch: int
    samples: int


@dataclass(frozen=True)
class Order:
    """The order of every epoch, the same for any number of ranks and workers.

    Attributes:
        length: samples in an epoch.
        seed: of the shuffling.
        shuffle: whether epochs are shuffled.
        rank: this process, from 0.
        world_size: processes that share an epoch.

    Raises:
        RecipeError: there is no such rank, or too few samples for all.
    """

    length: int
    seed: int
    shuffle: bool
    rank: int
    world_size: int

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise RecipeError(f"rank: got {self.rank} of {self.world_size}, wanted 0 to {self.world_size - 1}")
        if self.length < self.world_size:
            raise RecipeError(f"{self.length} samples an epoch are too few for {self.world_size} ranks; raise `repeat`")

    def share(self, place: Place) -> NDArray[np.int64]:
        """List what this rank takes from a place to the end of its epoch.

        Every rank takes the same number, so up to `world_size - 1` samples stay behind, others in each epoch.

        Args:
            place: where to begin.

        Returns:
            Sample numbers, int64 `[left // world_size]`.
        """
        if self.shuffle:
            order = numpy_stream(self.seed, "order of an epoch", place.epoch).permutation(self.length)
        else:
            order = np.arange(self.length)
        left = order[place.samples :]
        return left[: len(left) // self.world_size * self.world_size][self.rank :: self.world_size]

    def after(self, place: Place, taken: int) -> Place:
        """Find the place once every rank has taken some samples.

        Args:
            place: where they began.
            taken: samples of one rank.

        Returns:
            Where to go on; where less is left than a sample a rank, that is the beginning of the next epoch.
        """
        samples = place.samples + taken * self.world_size
        return Place(place.epoch, samples) if self.length - samples >= self.world_size else Place(place.epoch + 1, 0)


def rank_and_world_size() -> tuple[int, int]:
    """Ask torch.distributed which of the processes of a training this is; without it there is one, of rank 0."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
