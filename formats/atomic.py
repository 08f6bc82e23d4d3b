"""Output files that appear whole or not at all, and replace nothing unasked."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gsdd.errors import OutputError

# What file systems without hard links answer (exFAT, some network and FUSE mounts).
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def check_output(path: Path, *, force: bool = False) -> None:
    """Refuse an output path that could not be written, before the work that leads to it.

    Args:
        path: the file to be written.
        force: whether it may exist.

    Raises:
        OutputError: it exists, is a folder, or its folder does not exist.
    """
    with _told_as_output_error(path):
        if path.is_dir():
            raise OutputError(f"{path}: is a folder; give the name of a file")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {path.parent}; make it first")
        if not os.access(path.parent, os.W_OK):
            raise OutputError(f"{path}: the folder {path.parent} may not be written to; choose another")
        if not force and os.path.lexists(path):
            raise _exists(path)


def check_not_source(path: Path, source: Path) -> None:
    """Refuse to write over the file that is read, whatever its name.

    Args:
        path: the file to be written.
        source: the file that is read.

    Raises:
        OutputError: they are one file.
    """
    with _told_as_output_error(path):
        if path.exists() and source.exists() and path.samefile(source):
            raise OutputError(f"{path}: is the source itself; give another name")


@contextmanager
def written_whole(path: Path, *, force: bool = False) -> Iterator[IO[bytes]]:
    """Open a file beside its place that takes its name when the block ends well, and vanishes otherwise.

    Args:
        path: the file to be written.
        force: whether to replace a file of that name.

    Yields:
        The file, open for writing bytes.

    Raises:
        OutputError: it exists, or cannot be written; what was there is untouched and nothing is left behind.
    """
    check_output(path, force=force)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _told_as_output_error(path):
        try:
            part.unlink(missing_ok=True)
            with part.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if force:
                part.replace(path)
            else:
                _give_name(part, path)
        finally:
            part.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes, *, force: bool = False) -> None:
    """Write a file whole or not at all.

    Args:
        path: the file to be written.
        data: all its bytes.
        force: whether to replace a file of that name.

    Raises:
        OutputError: as for `written_whole`.
    """
    with written_whole(path, force=force) as file:
        file.write(data)


def _give_name(part: Path, path: Path) -> None:
    """Rename without overwriting: a link, unlike a rename, fails when the name is taken meanwhile."""
    try:
        path.hardlink_to(part)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _claim(path)
        part.replace(path)


def _claim(path: Path) -> None:
    try:
        path.open("xb").close()
    except FileExistsError as error:
        raise _exists(path) from error


def _exists(path: Path) -> OutputError:
    return OutputError(f"{path}: exists already; --force (force=True) replaces it")


@contextmanager
def _told_as_output_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
