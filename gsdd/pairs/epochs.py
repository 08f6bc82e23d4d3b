"""Which epoch an iteration is, agreed on by all processes that take part in it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from gsdd.pairs.shared import ArrayLayout, SharedArrays

# Iterations that a late worker may still join.
REMEMBERED = 8


class Place(NamedTuple):
    """A place in the epochs: samples of this one that all ranks together have taken."""

    epoch: int
    samples: int


class Epochs:
    """Hands every iteration the next epoch; the workers of a DataLoader that belong to one iteration get the same.

    Nobody tells a dataset that a DataLoader begins anew: its workers, of which some may be late, find it out together.
    """

    def __init__(self) -> None:
        self._shared = SharedArrays(
            {
                "next": ArrayLayout("i8", (2,)),
                "begun": ArrayLayout("i8", (2,)),
                "iterations": ArrayLayout("i8", (1,)),
                "keys": ArrayLayout("i8", (REMEMBERED, 2)),
                "places": ArrayLayout("i8", (REMEMBERED, 2)),
            }
        )
        self._shared["keys"][:] = -1

    @property
    def iterations(self) -> int:
        """How many iterations have begun."""
        return int(self._shared["iterations"][0])

    @property
    def begun(self) -> Place:
        """Where the latest iteration began, or will begin if there was none since `go_to`."""
        return Place(*self._shared["begun"].tolist())

    @property
    def next(self) -> Place:
        """Where the next iteration will begin."""
        return Place(*self._shared["next"].tolist())

    def go_to(self, place: Place) -> None:
        """Let the next iteration begin here."""
        with self._alone():
            self._shared["next"][:] = self._shared["begun"][:] = place

    def begin(self, key: tuple[int, int] | None = None) -> Place:
        """Begin an iteration, or join it.

        Args:
            key: numbers of 63 bits, the same for all who iterate together; None for who iterates alone.

        Returns:
            Where it begins.
        """
        with self._alone():
            for known, place in zip(self._shared["keys"].tolist(), self._shared["places"].tolist(), strict=True):
                if key is not None and tuple(known) == key:
                    return Place(*place)
            return self._begin(key or (-1, -1))

    def _begin(self, key: tuple[int, int]) -> Place:
        place, slot = self.next, self.iterations % REMEMBERED
        self._shared["keys"][slot], self._shared["places"][slot] = key, place
        self._shared["begun"][:] = place
        self._shared["next"][:] = place.epoch + 1, 0
        self._shared["iterations"][0] += 1
        return place

    @contextmanager
    def _alone(self) -> Iterator[None]:
        fcntl.lockf(self._shared.descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._shared.descriptor, fcntl.LOCK_UN)
