"""Decoding in threads: image decoders and digests release the GIL."""

import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# At most so many decoded photos are in memory at once.
MAX_THREADS = 4


class Room:
    """Pixels that may be decoded at a time, whichever threads do it: photos are read side by side while they are small.

    Args:
        pixels: so many; a photo of more is decoded alone.
    """

    def __init__(self, pixels: int) -> None:
        self._most = self._left = pixels
        self._changed = Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait until there is room, and hold it while the block runs."""
        wanted = min(pixels, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= wanted)
            self._left -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._left += wanted
                self._changed.notify_all()


# A decoded pixel takes about twelve bytes, with the copies that are made of it on the way.
ROOM = Room(24 * 10**6)


@contextmanager
def decoder_warnings_ignored() -> Iterator[None]:
    """Silence what Pillow warns of in a photo that it reads all the same: damaged EXIF, a large image, old formats.

    The warning filters belong to the whole process, so this is entered by the thread that starts the work, not by
    the threads that decode.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """Do the same work for every item, a few at a time.

    Args:
        work: must not depend on the order in which items are done.
        items: what to work on.

    Yields:
        The results in the order of the items. Close it to stop early: work that has not begun is dropped.
    """
    pool = ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1))
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)
