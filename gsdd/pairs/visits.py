"""How often each item of a dataset was asked for, in whatever process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gsdd.pairs.temporary import TemporaryFolder


class Visits:
    """Counts the visits of each index in a file that all workers of a trainer map.

    A copy that is unpickled after the trainer has ended counts anew.

    Args:
        indices: how many there are.
        rank: this process among those that share the training: each counts visits of its own.
        world_size: how many processes share the training.
    """

    def __init__(self, indices: int, rank: int, world_size: int) -> None:
        folder = TemporaryFolder()
        path = folder.path / "visits"
        np.full(indices, rank, np.int64).tofile(path)
        self._open(path, rank, world_size)
        self._folder = folder

    def take(self, indices: Sequence[int]) -> list[int]:
        """Count a visit of each index, and return the number of the visit."""
        numbers = []
        for index in indices:
            number = int(self._counts[index])
            self._counts[index] = number + self._world_size
            numbers.append(number)
        return numbers

    def set_all(self, number: int) -> None:
        """Let the next visit of every index have this number."""
        self._counts[:] = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (self._path, len(self._counts), self._rank, self._world_size)

    def _open(self, path: Path, rank: int, world_size: int) -> None:
        # A memmap does the same as its plain array, five times slower.
        self._counts = np.asarray(np.memmap(path, np.int64, "r+"))
        self._path, self._rank, self._world_size = path, rank, world_size


def _opened(path: Path, indices: int, rank: int, world_size: int) -> Visits:
    visits = Visits.__new__(Visits)
    try:
        visits._open(path, rank, world_size)
    except FileNotFoundError:
        return Visits(indices, rank, world_size)
    return visits
