"""Processes that share a study's folder work out different cells."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gsdd.formats.atomic import told_as_output_error


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Hold a claim while the block runs; it ends with the process, however that ends.

    Args:
        path: a file that stands for what is claimed; it is made, and stays where the block fails.

    Yields:
        Whether the claim is ours; False where another process, or another thread, holds it.

    Raises:
        OutputError: the file cannot be made, locked or removed.
    """
    with told_as_output_error(path):
        file = path.open("ab")
    with file:
        ours = _locked(file, path)
        yield ours
        if ours:
            # Who opened it meanwhile gets a claim on nothing, and sees by the result that there is nothing left to do.
            with told_as_output_error(path):
                path.unlink(missing_ok=True)


def _locked(file: IO[bytes], path: Path) -> bool:
    with told_as_output_error(path):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
