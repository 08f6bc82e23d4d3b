"""Processes that share a study's folder work out different cells."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor

from gsdd.formats.atomic import HOLDS_OPEN_FILES, told_as_output_error


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
        with told_as_output_error(path):
            ours = lock_descriptor(file.fileno(), blocking=False)
        yield ours
        if ours and not HOLDS_OPEN_FILES:
            # Who opened it meanwhile gets a claim on nothing, and sees by the result that there is nothing left to do.
            with told_as_output_error(path):
                path.unlink(missing_ok=True)
    if ours and HOLDS_OPEN_FILES:
        # Who opened it meanwhile keeps it there.
        with suppress(OSError):
            path.unlink()
