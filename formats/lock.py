"""One process at a time works on an output; a second one is told at once, and by whom."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor

from gsdd.errors import OutputError
from gsdd.formats.atomic import HOLDS_OPEN_FILES, check_output, told_as_output_error
from gsdd.formats.helper_names import hidden
from gsdd.formats.text import shown

_WHO = 64


@contextmanager
def working_on(path: Path, *, dry_run: bool = False) -> Iterator[None]:
    """Keep others from working on an output while the block runs; that ends with the process, however it ends.

    Args:
        path: the file or folder that is written. Beside it lies a hidden file meanwhile: that a name is too long, or a
            folder takes no files, is known before the work.
        dry_run: whether nothing will be written; then nobody is kept away.

    Raises:
        OutputError: another process works on it, or no file can be made beside it.
    """
    if dry_run:
        yield
        return
    if not path.is_dir():  # what may be in a folder, the caller knows
        check_output(path, force=True)
    lock = hidden(path, ".gsdd-lock")
    with told_as_output_error(path):
        descriptor = _locked(lock, path)
    try:
        yield
    finally:
        if not HOLDS_OPEN_FILES:
            with suppress(OSError):
                lock.unlink()
        os.close(descriptor)
        if HOLDS_OPEN_FILES:
            with suppress(OSError):
                lock.unlink()


def _locked(lock: Path, path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    while True:
        descriptor = os.open(lock, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            if _is_ours(descriptor, path) and _is_there(descriptor, lock):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()}".encode())
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # who had it has removed it


def _is_ours(descriptor: int, path: Path) -> bool:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EEXIST, "something else has the name of its lock file; remove that")
    try:
        ours = lock_descriptor(descriptor, blocking=False)
    except OSError:  # a file system without locks
        return True
    if not ours:
        raise OutputError(
            f"{path}: another gsdd{_who(descriptor)} is at work on it; wait for it, stop it, or give another name"
        )
    return True


def _who(descriptor: int) -> str:
    with suppress(OSError):  # Windows lets nobody read what is locked
        return f" ({shown(os.read(descriptor, _WHO).decode(errors='replace'))})"
    return ""


def _is_there(descriptor: int, lock: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), lock.stat())
    return False
