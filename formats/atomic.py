"""Output files that appear whole or not at all, and replace nothing unasked."""

import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from filelock import lock_descriptor

from gsdd.errors import OutputError
from gsdd.formats.helper_names import is_helper, new_hidden
from gsdd.formats.opening import NotAFileError, opened
from gsdd.formats.place import Place, Url

# Windows neither removes nor renames what is open, and replaces nothing that is mapped.
HOLDS_OPEN_FILES = sys.platform == "win32"
# What file systems without hard links answer (exFAT, some network and FUSE mounts).
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def check_output(path: Path, *, force: bool = False) -> None:
    """Refuse an output path that could not be written, before the work that leads to it.

    What killed processes left half written of the same file is removed.

    Args:
        path: the file to be written.
        force: whether it may exist.

    Raises:
        OutputError: it exists, is no plain file (even with `force`), or its folder does not exist.
    """
    with told_as_output_error(path):
        remove_orphans(path.parent, path.name)
        _refuse(path, force)


def check_not_source(path: Path, source: Place) -> None:
    """Refuse to write over the file that is read, whatever its name.

    Args:
        path: the file to be written.
        source: the file that is read; a URL is never written to.

    Raises:
        OutputError: they are one file.
    """
    with told_as_output_error(path):
        if not isinstance(source, Url) and path.exists() and source.exists() and path.samefile(source):
            raise OutputError(f"{path}: is the source itself; give another name")


def check_outside(path: Path, folder: Path) -> None:
    """Refuse to write into a folder that is only read.

    Args:
        path: the file to be written.
        folder: the folder that is read.

    Raises:
        OutputError: the file would lie in it, at any depth.
    """
    with told_as_output_error(path):
        if path.parent.resolve().is_relative_to(folder.resolve()):
            raise OutputError(f"{path}: lies in {folder}, which is only read from; choose a place outside it")


@contextmanager
def written_whole(
    path: Path, *, force: bool = False, previous: Path | None = None, follow: bool = False
) -> Iterator[IO[bytes]]:
    """Open a file beside its place that takes its name when the block ends well, and vanishes otherwise.

    A file that is replaced hands on its mode and, where the system lets it, its owner.

    Args:
        path: the file to be written.
        force: whether to replace a file of that name.
        previous: in the same folder; the name that a replaced file gets, itself replaced. A process that is killed
            leaves a whole file under at least one of the two names. None replaces the file for good.
        follow: whether to write through a symbolic link of that name, as for what a user names; else it is replaced.

    Yields:
        The file, open for writing bytes.

    Raises:
        OutputError: it exists, or cannot be written; what was there is untouched and nothing is left behind.
    """
    with told_as_output_error(path):
        _refuse(path, force)
        path = Path(os.path.realpath(path)) if follow and force and path.is_symlink() else path
        before = path.lstat() if force and path.is_file() and not path.is_symlink() else None
        descriptor, part = begin_unfinished(path, 0o600 if before else 0o666)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123
                yield file
                file.flush()
                if before:
                    _hand_on(before, file.fileno())
                os.fsync(file.fileno())
                if HOLDS_OPEN_FILES:
                    file.close()
                # Elsewhere still locked: nobody takes it for an orphan.
                _give_name(part, path, force, previous)
            _sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes, *, force: bool = False, follow: bool = False) -> None:
    """Write a file whole or not at all.

    Args:
        path: the file to be written.
        data: all its bytes.
        force: whether to replace a file of that name.
        follow: as for `written_whole`.

    Raises:
        OutputError: as for `written_whole`.
    """
    with written_whole(path, force=force, follow=follow) as file:
        file.write(data)


def begin_unfinished(path: Path, mode: int = 0o666) -> tuple[int, Path]:
    """Make the file that is written until it is whole and takes the name `path`.

    Args:
        path: the name.
        mode: of the file, before the umask.

    Returns:
        A descriptor to read and write by, locked: that keeps `remove_orphans` away, and ends with the process, however
        it ends. And the name.
    """
    while True:
        part = new_hidden(path, "part")
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        try:
            ours = lock_descriptor(descriptor, blocking=False)
        except OSError:  # a file system without locks, where `remove_orphans` removes nothing
            ours = True
        if ours and part.exists():
            return descriptor, part
        os.close(descriptor)  # somebody took it for an orphan before it was locked, and removes it


def is_unfinished(path: Path) -> bool:
    """Tell whether a file has a name that gsdd gives to what it is at work on."""
    return is_helper(path.name)


def remove_orphans(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left half written; what a living one is writing is locked, and stays.

    Args:
        folder: where to look.
        name: only what would have taken this name; None is any.
    """
    with suppress(OSError):
        for part in list(folder.iterdir()):
            if is_helper(part.name, None if name is None else folder / name):
                with suppress(FileNotFoundError, NotAFileError):
                    _remove_orphan(part)


def reserve(file: IO[bytes], folder: Path, size: int) -> None:
    """Set room aside where the system can: a disk that fills up under a mapped file ends the process by a signal.

    Args:
        file: open for writing, and empty.
        folder: where it lies.
        size: in bytes, that it will have.

    Raises:
        OSError: there is no room.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    elif shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _remove_orphan(part: Path) -> None:
    with opened(part) as file:
        if not lock_descriptor(file.fileno(), blocking=False):
            return
        if not HOLDS_OPEN_FILES:
            part.unlink()
    if HOLDS_OPEN_FILES:
        part.unlink()


def _refuse(path: Path, force: bool) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise OutputError(f"{path}: is a folder; give the name of a file")
        if not stat.S_ISREG(mode):
            raise OutputError(f"{path}: is a device or a pipe, not a file; give the name of a file")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: the folder {path.parent} may not be written to; choose another")
    if not force and os.path.lexists(path):
        raise _exists(path)


def _hand_on(before: os.stat_result, descriptor: int) -> None:
    """Give a file the mode and owner of the one that it replaces, as far as the system lets it."""
    with suppress(OSError):
        if hasattr(os, "fchown"):
            os.fchown(descriptor, before.st_uid, before.st_gid)
    # After the owner: to change that takes bits away.
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def _give_name(part: Path, path: Path, force: bool, previous: Path | None) -> None:
    """Rename; unless forced in a way that fails when the name is taken meanwhile: by a link, on Windows by a rename."""
    if force:
        if previous is not None:
            with suppress(FileNotFoundError):
                path.replace(previous)
        part.replace(path)
        return
    try:
        part.rename(path) if HOLDS_OPEN_FILES else path.hardlink_to(part)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _refuse(path, force)
        part.replace(path)


def _sync_folder(folder: Path) -> None:
    """Make a name survive a power cut, where the file system can; without it the file is still whole or not there."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _exists(path: Path) -> OutputError:
    return OutputError(f"{path}: exists already; `force=True` replaces it")


@contextmanager
def told_as_output_error(path: Path) -> Iterator[None]:
    """Turn what the system says of a path that is being written into an `OutputError` that names it.

    Args:
        path: the file or folder.

    Raises:
        OutputError: the block raised one, or an OSError.
    """
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
