"""Which epoch an iteration is, agreed on by all processes that take part in it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from gsdd.pairs.shared import ArrayLayout, SharedArrays

# Iterations that a late worker may still join.
REMEMBERED = 8
MOST_WORKERS = 1024


class Place(NamedTuple):
    """A place in the epochs: samples of this one that all ranks together have taken."""

    epoch: int
    samples: int


class Epochs:
    """Hands every iteration the next epoch; the workers of a DataLoader that belong to one iteration get the same.

    A `ResumableLoader` leads: it begins the epoch for its workers. Nobody tells a dataset that any other DataLoader
    begins anew: its workers, of which some may be late, find it out together.
    """

    def __init__(self) -> None:
        self._shared = SharedArrays(
            {
                "next": ArrayLayout("i8", (2,)),
                "begun": ArrayLayout("i8", (2,)),
                "led": ArrayLayout("i8", (3,)),  # whether, and the place
                "iterations": ArrayLayout("i8", (1,)),
                "keys": ArrayLayout("i8", (REMEMBERED, 2)),
                "places": ArrayLayout("i8", (REMEMBERED, 2)),
                "joined": ArrayLayout("u1", (REMEMBERED, MOST_WORKERS)),
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
            self._shared["keys"][:] = -1

    def lead(self) -> Place:
        """Begin an iteration for all who take part in it, until `release`."""
        with self._alone():
            place = self._begin()
            self._shared["led"][:] = 1, *place
            return place

    def release(self) -> None:
        """Let iterations begin on their own again."""
        self._shared["led"][0] = 0

    def begin(self) -> Place:
        """Begin an iteration alone, or the one that is led."""
        led, *place = self._shared["led"].tolist()
        if led:
            return Place(*place)
        with self._alone():
            return self._begin()

    def join(self, key: tuple[int, int], worker: int) -> Place:
        """Begin an iteration, or take part in the one that another worker has begun.

        Args:
            key: numbers of 63 bits, the same for all workers of the iteration, and seldom the same for another one.
            worker: which of them this is; who joins twice begins anew.

        Returns:
            Where it begins.
        """
        led, *place = self._shared["led"].tolist()
        if led:
            return Place(*place)
        with self._alone():
            slot = self._slot(key, worker)
            self._shared["joined"][slot, worker % MOST_WORKERS] = 1
            return Place(*self._shared["places"][slot].tolist())

    def _slot(self, key: tuple[int, int], worker: int) -> int:
        for slot, known in enumerate(self._shared["keys"].tolist()):
            if tuple(known) == key and not self._shared["joined"][slot, worker % MOST_WORKERS]:
                return slot
        slot = self.iterations % REMEMBERED
        self._shared["keys"][(self._shared["keys"] == key).all(1)] = -1
        self._shared["keys"][slot], self._shared["places"][slot] = key, self._begin()
        self._shared["joined"][slot] = 0
        return slot

    def _begin(self) -> Place:
        place = self.next
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
