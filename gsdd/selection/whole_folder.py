"""Output folders that appear whole or not at all, and replace nothing but their own kind."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor

from gsdd.data.naming import printable
from gsdd.errors import OutputError
from gsdd.formats.atomic import HOLDS_OPEN_FILES, told_as_output_error
from gsdd.formats.helper_names import is_helper, new_hidden

IsOurs = Callable[[Path, Path], bool]
# In a hidden folder beside the output: the folder to be, the one that it replaces, and what a living process locks.
NEW, EARLIER, LOCK = "new", "earlier", "lock"


def check_folder(path: Path, is_ours: IsOurs, *, force: bool = False) -> None:
    """Refuse an output folder that could not be written, before the work that leads to it.

    What killed processes left half written of the same folder is removed; an earlier folder that one of them had moved
    aside to replace it goes back to its place.

    Args:
        path: the folder to be written.
        is_ours: tells of an entry and the folder whether the entry is such as an earlier run wrote there.
        force: whether what an earlier run wrote may be replaced; anything else never is.

    Raises:
        OutputError: something is there that may not be replaced, or the folder around it does not exist.
    """
    with told_as_output_error(path):
        if path.name in ("", ".."):
            raise OutputError(f"{path}: is no name for a new folder; choose another `output`")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {path.parent}; make it first")
        _remove_orphans(path)
        _refuse(path, is_ours, force)
        with _unfinished(path):  # what writing begins with: fails where that would
            pass


def write_folder(path: Path, files: Iterable[tuple[str, bytes]], is_ours: IsOurs, *, force: bool = False) -> int:
    """Write a folder whole or not at all.

    Args:
        path: the folder to be written.
        files: path in the folder, at most one folder deep, and bytes.
        is_ours: as for `check_folder`.
        force: the same.

    Returns:
        How many bytes the files have.

    Raises:
        OutputError: as for `check_folder`, or it cannot be written; what was there is untouched then.
    """
    with told_as_output_error(path), _unfinished(path) as room:
        size = sum(_write(room / NEW / name, data) for name, data in files)
        _refuse(path, is_ours, force)
        _put_in_place(room, path)
    return size


def _refuse(path: Path, is_ours: IsOurs, force: bool) -> None:
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        raise OutputError(f"{path}: exists and is not a folder; choose another `output`")
    stranger = next((entry for entry in path.rglob("*") if not is_ours(entry, path)), None)
    if stranger is not None:
        name = printable(stranger.relative_to(path))
        raise OutputError(f"{path}: exists and holds {name}, which is not ours to replace; choose another `output`")
    if not force and any(path.iterdir()):
        raise OutputError(f"{path}: exists already; `force=True` replaces it")


def _write(file: Path, data: bytes) -> int:
    file.parent.mkdir(exist_ok=True)
    with file.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    return len(data)


def _put_in_place(room: Path, path: Path) -> None:
    """Rename; a folder that is there is moved aside first, and removed last."""
    if not path.exists():
        (room / NEW).rename(path)
        return
    path.rename(room / EARLIER)
    try:
        (room / NEW).rename(path)
    except BaseException:
        (room / EARLIER).rename(path)
        raise


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """Make a hidden folder beside a path, locked while this process lives and removed when the block ends."""
    room, descriptor = _begin(path)
    try:
        (room / NEW).mkdir()
        yield room
    finally:
        os.close(descriptor)
        shutil.rmtree(room, ignore_errors=True)


def _begin(path: Path) -> tuple[Path, int]:
    """Make the hidden folder, and open the file in it that is locked; the lock ends with the process."""
    while True:
        room = new_hidden(path, "unfinished")
        room.mkdir()
        try:
            descriptor = os.open(room / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
            if lock_descriptor(descriptor, blocking=False) and room.exists():
                return room, descriptor
            os.close(descriptor)  # somebody took it for an orphan before it was locked
        except FileNotFoundError:
            continue  # and has removed it
        except OSError:
            shutil.rmtree(room, ignore_errors=True)
            raise


def _remove_orphans(path: Path) -> None:
    rooms = [entry for entry in path.parent.iterdir() if is_helper(entry.name, path) and not entry.is_symlink()]
    for room in filter(Path.is_dir, rooms):
        with suppress(OSError):
            _remove_orphan(room, path)


def _remove_orphan(room: Path, path: Path) -> None:
    with (room / LOCK).open("ab") as lock:
        if not lock_descriptor(lock.fileno(), blocking=False):
            return
        if (room / EARLIER).exists() and not path.exists():
            (room / EARLIER).rename(path)
        if not HOLDS_OPEN_FILES:
            shutil.rmtree(room, ignore_errors=True)
    if HOLDS_OPEN_FILES:
        shutil.rmtree(room, ignore_errors=True)
