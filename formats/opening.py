"""Opens what strangers hand over: regular files alone, without waiting, and no more than is really on disk.

A pipe or a device is never opened, a file with holes in it is no larger than what fills it, and a file that changes
while it is read is refused. Whatever is wrong is an OSError that says so in `strerror`.
"""

import errno
import os
import stat
import sys
from io import BufferedReader
from pathlib import Path
from typing import IO

# Where a file system compresses, or is late to tell, a file has fewer bytes on disk: by this factor, and so many more.
GROWTH = 2
LEEWAY = 1 << 26
_BLOCK = 512
_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)
# Of downloads that ended in another file than was meant.
_POINTER = b"version https://git-lfs.github.com/spec/"
_PAGES = (b"<!doctype html", b"<html")
HEAD = 64


class NotAFileError(OSError):
    """A folder, a pipe or a device in the place of a file."""


def opened(path: Path) -> BufferedReader:
    """Open a file for reading.

    Args:
        path: of unknown origin.

    Returns:
        The file, at its start.

    Raises:
        NotAFileError: it is no regular file.
        OSError: it has less on disk than it claims, or cannot be opened.
    """
    # Looked at first: to open a device can do things by itself.
    _check_regular(path.stat().st_mode)
    descriptor = os.open(path, _FLAGS)
    try:
        facts = os.fstat(descriptor)
        _check_regular(facts.st_mode)
        _check_on_disk(facts)
        return open(descriptor, "rb")  # noqa: PTH123
    except BaseException:
        os.close(descriptor)
        raise


def bytes_in(file: IO[bytes]) -> int:
    """Give the size of an open file in bytes."""
    return os.fstat(file.fileno()).st_size


def read_whole(path: Path, most: int) -> bytes:
    """Read a file.

    Args:
        path: of unknown origin.
        most: bytes that it may have.

    Returns:
        All its bytes.

    Raises:
        OSError: as for `opened`; it is larger, or changes while it is read.
    """
    with opened(path) as file:
        return rest_of(file, most)


def rest_of(file: IO[bytes], most: int = sys.maxsize) -> bytes:
    """Read an open file from where it stands to its end.

    Args:
        file: from `opened`.
        most: bytes that the whole file may have.

    Raises:
        OSError: it is larger, or changes while it is read.
    """
    size = bytes_in(file)
    if size > most:
        raise OSError(errno.EFBIG, f"has {size:,} bytes, and at most {most:,} are read")
    wanted = size - file.tell()
    data = file.read(wanted + 1)
    if len(data) != wanted:
        raise OSError(errno.EIO, "changed while it was read: its size is different")
    return data


def not_the_file(head: bytes) -> str:
    """Tell what a download has left in the place of a file, and what to do; empty where it may be the file.

    Args:
        head: the first `HEAD` bytes.
    """
    if head.startswith(_POINTER):
        return "is a pointer of git-lfs, not the file itself; run git lfs pull where it came from"
    if head.lstrip().lower().startswith(_PAGES):
        return "is a page in HTML, not the file itself; download it again, from the link to the file"
    return ""


def is_locked(file: IO[bytes]) -> bool:
    """Tell whether another process holds an open file for writing, as libhdf5 does."""
    try:
        import fcntl
    except ImportError:  # Windows, where such a file cannot be opened
        return False
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    return False


def _check_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotAFileError(errno.EINVAL, f"is a {'folder' if stat.S_ISDIR(mode) else 'pipe or a device'}, not a file")


def _check_on_disk(facts: os.stat_result) -> None:
    blocks = getattr(facts, "st_blocks", None)  # Windows tells none
    if blocks is not None and facts.st_size > GROWTH * _BLOCK * blocks + LEEWAY:
        raise OSError(errno.EFBIG, f"claims {facts.st_size:,} bytes, of which {_BLOCK * blocks:,} are on disk")
