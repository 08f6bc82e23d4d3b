"""Folders for what processes share by its path, for as long as the process that made it lives."""

import os
import shutil
import tempfile
import time
import weakref
from contextlib import suppress
from pathlib import Path

from gsdd.formats.atomic import begin_unfinished, is_unfinished, remove_orphans, told_as_output_error

PREFIX = "gsdd-pairs-"
# Seconds: a younger folder may not have its lock yet.
YOUNG = 60.0


class TemporaryFolder:
    """A folder that only this user may read, and that goes with this object in the process that made it.

    What killed processes left is removed when the next folder is made.

    Attributes:
        path: the folder.

    Raises:
        OutputError: it cannot be made.
    """

    def __init__(self) -> None:
        with told_as_output_error(Path("temporary folder")):
            _remove_leftovers(Path(tempfile.gettempdir()))
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            # Its lock ends with the process, however that ends.
            lock, _ = begin_unfinished(self.path / "in_use")
        weakref.finalize(self, _remove, self.path, lock, os.getpid())


def _remove(folder: Path, lock: int, owner: int) -> None:
    """Remove a folder; not from a forked worker, whose copy of the object ends first."""
    if os.getpid() == owner:
        os.close(lock)
        # Windows keeps what somebody has mapped.
        shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > YOUNG:
                remove_orphans(folder)
                if not any(map(is_unfinished, folder.iterdir())):
                    shutil.rmtree(folder)
