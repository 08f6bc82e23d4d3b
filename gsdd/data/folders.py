"""A folder -> its classes and their image files, by name alone; everything else is ignored and counted."""

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from gsdd.data.images import photo_suffixes
from gsdd.data.layout import VIDEO, VIDEO_SUFFIXES, check_no_pairs, meant_folder, only_videos
from gsdd.data.naming import printable
from gsdd.data.undecoded import may_be_a_photo
from gsdd.errors import SourceError

# What systems put into the root of a volume and into folders that are copied; it may be unreadable.
SYSTEM_FOLDERS = frozenset(
    {
        "#recycle", "$recycle.bin", "@eadir", "@recycle", "__macosx", "lost+found", "recycler",
        "system volume information",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Ignored:
    """Something in the folder that is no photo of a class: `path` relative to the root, printable; and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class ClassFolder:
    """A class by its printable name, and its candidate files sorted bytewise by name."""

    name: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Listing:
    """What a root holds: at least one class, sorted bytewise by name."""

    classes: tuple[ClassFolder, ...]
    ignored: tuple[Ignored, ...]


@dataclass
class _Entries:
    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    ignored: list[tuple[Path, str]] = field(default_factory=list)


def relative_name(path: Path, root: Path) -> str:
    """Give a path under the root as printable text with forward slashes."""
    return printable(path.relative_to(root))


def _stat_failure(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "symlink loop"
    return "broken symlink" if isinstance(error, FileNotFoundError) else (error.strerror or "unreadable").lower()


def _kind(path: Path, suffixes: frozenset[str]) -> str:
    """Say "file" for a candidate, "folder" for a folder, else why the entry is ignored."""
    if path.name.startswith("."):
        return "hidden"
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return _stat_failure(error)
    if not stat.S_ISREG(mode):
        return "folder" if stat.S_ISDIR(mode) else "not a regular file"
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return VIDEO
    return "file" if suffix in suffixes or may_be_a_photo(suffix) else "not an image"


def _names(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name))
    except OSError as error:
        raise SourceError(f"{printable(folder)}: the folder cannot be read: {error.strerror}") from error


def _entries(folder: Path, suffixes: frozenset[str]) -> _Entries:
    found = _Entries()
    for path in _names(folder):
        kind = _kind(path, suffixes)
        if kind == "file":
            found.files.append(path)
        elif kind == "folder":
            found.folders.append(path)
        else:
            found.ignored.append((path, kind))
    return found


def _with_videos(entries: _Entries) -> tuple[Path, ...]:
    """List the candidates of a class: a video beside photos is skipped by name, as what cannot be decoded is."""
    videos = [path for path, why in entries.ignored if why == VIDEO]
    return tuple(sorted([*entries.files, *videos], key=lambda path: os.fsencode(path.name)))


def _is_of_the_system(folder: Path) -> bool:
    return folder.name.lower() in SYSTEM_FOLDERS


def _leads_back(folder: Path, root: Path) -> bool:
    """Tell whether a folder is a symlink to the root or to a folder around it."""
    target, home = folder.resolve(), root.resolve()
    return target == home or target in home.parents


def _better_root(root: Path, folders: list[Path], suffixes: frozenset[str]) -> Path | None:
    """Find the folder that was probably meant: one level down, `train` before others, with class folders of photos."""
    for folder in sorted(folders, key=lambda path: (path.name != "train", os.fsencode(path.name))):
        if not _is_of_the_system(folder) and not _leads_back(folder, root):
            for inner in _entries(folder, suffixes).folders:
                if _entries(inner, suffixes).files:
                    return folder
    return None


def _no_photos(root: Path, top: _Entries, ignored: list[tuple[Path, str]], suffixes: frozenset[str]) -> SourceError:
    name = printable(root)
    better = _better_root(root, top.folders, suffixes)
    videos = [path for path, reason in ignored if reason == VIDEO]
    if better is None and videos:
        return only_videos(root, videos)
    if better is None:
        return SourceError(f"{name}: no photos in it or in its folders; wanted one folder a class with photos in it")
    meant = printable(better)
    return SourceError(f"{name}: its folders hold no photos, only folders; give {meant}, which holds class folders")


def _name_of(root: Path) -> str:
    return printable(root.resolve().name) or "photos"


def _check_root(root: Path) -> None:
    name = printable(root)
    try:
        mode = root.stat().st_mode
    except (OSError, ValueError) as error:
        raise SourceError(f"{name}: no such folder; give a folder with one folder of photos a class") from error
    if not stat.S_ISDIR(mode):
        raise SourceError(f"{name}: is a file; give a folder with one folder of photos a class")


def find_photos(root: Path) -> tuple[Path, tuple[Ignored, ...]]:
    """Find the folder that is meant where the root is of a known layout: of HR beside LR, or of splits of one set.

    Args:
        root: the folder that a user gives.

    Returns:
        The root itself, or a folder below it; and what was passed over on the way, by its path relative to the root.

    Raises:
        SourceError: if a folder is missing, is no folder, or cannot be read.
    """
    suffixes, folder = photo_suffixes(), root
    passed: list[Ignored] = []
    while True:
        _check_root(folder)
        entries = _entries(folder, suffixes).folders
        inner = [path for path in entries if not _is_of_the_system(path) and not _leads_back(path, folder)]
        with_photos = [path.name for path in inner if _entries(path, suffixes).files]
        meant = meant_folder([path.name for path in inner], with_photos)
        if meant is None:
            return folder, tuple(passed)
        passed += [Ignored(relative_name(folder / name, root), why) for name, why in meant.passed_over.items()]
        folder = folder / meant.name


def list_photos(root: Path, *, together: bool = False) -> Listing:
    """Find the classes of a folder and their candidate files.

    A class is a folder directly in the root that holds image files. A root that holds image files and no such folder
    is one class with the root's name. Symlinks are followed, except back to the root.

    Args:
        root: the folder that a user gives.
        together: whether all photos, those in such folders and those beside them, are one class with the root's name.

    Returns:
        The classes, each with at least one candidate, and all that was ignored.

    Raises:
        SourceError: if the root is missing, is no folder, holds no photos where they are looked for, or its folders are
            the sides of HR-LR pairs.
    """
    _check_root(root)
    suffixes = photo_suffixes()
    top = _entries(root, suffixes)
    ignored = list(top.ignored)
    classes = []
    for folder in top.folders:
        if _is_of_the_system(folder):
            ignored.append((folder, "a system folder"))
            continue
        if _leads_back(folder, root):
            ignored.append((folder, "symlink loop"))
            continue
        inner = _entries(folder, suffixes)
        if not inner.files:
            ignored.append((folder, "a folder without photos"))
            ignored += [entry for entry in inner.ignored if entry[1] == VIDEO]
            continue
        classes.append(ClassFolder(printable(folder.name), _with_videos(inner)))
        ignored += [entry for entry in inner.ignored if entry[1] != VIDEO] + [
            (path, "a folder inside a class") for path in inner.folders
        ]
    check_no_pairs(root, [folder.name for folder in top.folders], [each.name for each in classes])
    if together and classes:
        files = [*_with_videos(top), *(file for each in classes for file in each.files)]
        classes = [ClassFolder(_name_of(root), tuple(files))]
        ignored = [entry for entry in ignored if entry[1] != VIDEO]
    elif classes:
        ignored += [(path, "beside the class folders") for path in top.files]
    elif top.files:
        classes.append(ClassFolder(_name_of(root), _with_videos(top)))
        ignored = [entry for entry in ignored if entry[1] != VIDEO]
    else:
        raise _no_photos(root, top, ignored, suffixes)
    return Listing(tuple(classes), tuple(Ignored(relative_name(path, root), why) for path, why in ignored))
