"""Class folders -> the catalog of a run: every photo decoded once, with its size and sha256, and what was left out."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

from gsdd.data.folders import Ignored, list_photos, relative_name
from gsdd.data.images import BadImage, Photo, decode, is_grey
from gsdd.data.naming import printable
from gsdd.data.repeated import Sized, check_not_repeated
from gsdd.data.threads import decoder_warnings_ignored, in_threads
from gsdd.errors import SourceError
from gsdd.formats.opening import opened
from gsdd.monitor import SILENT, Monitor
from gsdd.recipe import LEAST_HR_SIZE, OnBadImage

# Of every scale that a generator is likely to have.
SIDE_STEP = 4


@dataclass(frozen=True)
class PhotoRecord:
    """A usable photo.

    `path` is text for people and files, relative to the root; `file` opens it. `bytes` and `sha256` are the file's as
    found; `width` and `height` are in pixels, upright; `grey` photos have equal channels in every pixel;
    `bits` are those of a sample that the inversion sees.
    """

    path: str
    bytes: int
    sha256: str
    width: int
    height: int
    conversions: tuple[str, ...] = ()
    grey: bool = False
    bits: int = 8
    file: Path = field(default_factory=Path, repr=False, compare=False)


@dataclass(frozen=True)
class PhotoClass:
    """A class and its usable photos, sorted bytewise by file name."""

    name: str
    photos: tuple[PhotoRecord, ...]


@dataclass(frozen=True)
class Skipped:
    """A photo that is not used, by its path relative to the root, and why.

    `side` is the shorter one, in pixels, of a photo that is merely too small; else 0. `twin` is the path of the photo
    that has the same pixels; else "".
    """

    class_name: str
    path: str
    reason: str
    side: int = field(default=0, repr=False, compare=False)
    twin: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class Sorting:
    """How photos got their classes.

    Attributes:
        by: folders, none (all are one class), or clusters:K.
        why: what decided that; "" where nothing was to be decided.
    """

    by: str = "folders"
    why: str = ""


@dataclass(frozen=True)
class Catalog:
    """All usable photos of a folder, classes sorted bytewise by name; each class has at least one photo.

    `dropped` are photos that could be used and that somebody chose to do without; `layout` says which folder was taken
    where another one was given.
    """

    root: Path
    classes: tuple[PhotoClass, ...]
    skipped: tuple[Skipped, ...]
    ignored_entries: tuple[Ignored, ...]
    dropped: tuple[Skipped, ...] = ()
    sorting: Sorting = Sorting()
    layout: str = ""

    @property
    def ignored(self) -> int:
        """How many hidden files, non-images, loops and misplaced files and folders were passed over."""
        return len(self.ignored_entries)

    @property
    def images(self) -> int:
        """How many photos are usable."""
        return sum(len(photo_class.photos) for photo_class in self.classes)

    @property
    def grey(self) -> bool:
        """Whether every photo is grey."""
        return all(record.grey for record in self.records)

    @property
    def bits(self) -> int:
        """Bits of a sample in the deepest photo: 8 or 16."""
        return max(record.bits for record in self.records)

    @property
    def bytes(self) -> int:
        """How many bytes their files have."""
        return sum(record.bytes for record in self.records)

    @property
    def sha256(self) -> str:
        """The sha256 of what `sha256sum` prints for the usable photos, sorted bytewise."""
        lines = sorted(f"{record.sha256}  {record.path}\n".encode() for record in self.records)
        return hashlib.sha256(b"".join(lines)).hexdigest()

    @property
    def conversions(self) -> Mapping[str, int]:
        """How many photos each conversion was needed for, the most frequent first."""
        counts = Counter(name for record in self.records for name in record.conversions)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @property
    def records(self) -> tuple[PhotoRecord, ...]:
        """Every photo, class after class."""
        return tuple(record for photo_class in self.classes for record in photo_class.photos)

    def without(self, dropped: Mapping[str, str]) -> "Catalog":
        """Leave photos out.

        Args:
            dropped: why, by path.

        Raises:
            SourceError: a class would have none left.
        """
        classes, gone = [], []
        for each in self.classes:
            kept = tuple(photo for photo in each.photos if photo.path not in dropped)
            gone += [
                Skipped(each.name, photo.path, dropped[photo.path]) for photo in each.photos if photo.path in dropped
            ]
            classes.append(PhotoClass(each.name, kept))
        if empty := next((each.name for each in classes if not each.photos), None):
            why = next(photo.reason for photo in gone if photo.class_name == empty)
            raise SourceError(
                f"class {empty} in {printable(self.root)}: all its photos are dropped, the first for: {why}; drop "
                "fewer, or take the folder out"
            )
        return replace(self, classes=tuple(classes), dropped=(*self.dropped, *gone))


class Decoded(NamedTuple):
    """A photo with facts about its file."""

    photo: Photo
    bytes: int
    sha256: str


class _Usable(NamedTuple):
    class_name: str
    record: PhotoRecord
    pixels_sha256: str


def decode_with_digest(path: Path, name: str) -> Decoded:
    """Decode a photo and take the sha256 of the file's bytes. For threads: see `decode`.

    Args:
        path: the file.
        name: the file's name in an error.

    Returns:
        The photo, the file's size in bytes and its sha256 in hex.

    Raises:
        BadImage: when it cannot be read, with the reason.
    """
    try:
        with opened(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
            file.seek(0)
            return Decoded(decode(file, name), size, digest)
    except OSError as error:
        raise BadImage(name, error.strerror or "cannot be read") from error


def _look(candidate: tuple[str, Path], root: Path, min_size: int) -> _Usable | Skipped:
    class_name, file = candidate
    name = relative_name(file, root)
    try:
        found = decode_with_digest(file, name)
    except BadImage as error:
        return Skipped(class_name, name, error.reason)
    height, width, _ = found.photo.pixels.shape
    if min(width, height) < min_size:
        reason = f"too small: {width}x{height} pixels, wanted {min_size} a side"
        return Skipped(class_name, name, reason, min(width, height))
    grey = is_grey(found.photo.pixels)
    record = PhotoRecord(
        name, found.bytes, found.sha256, width, height, found.photo.conversions, grey, found.photo.bits, file
    )
    return _Usable(class_name, record, hashlib.sha256(found.photo.pixels.data).hexdigest())


def _look_at_all(
    candidates: list[tuple[str, Path]], root: Path, min_size: int, on_bad_image: OnBadImage, monitor: Monitor
) -> list[_Usable | Skipped]:
    looks = []
    work = partial(_look, root=root, min_size=min_size)
    with decoder_warnings_ignored(), closing(in_threads(work, candidates)) as results:
        for look in results:
            if isinstance(look, Skipped) and on_bad_image == "fail":
                raise SourceError(
                    f"{printable(root)}/{look.path}: {look.reason} (class {look.class_name});"
                    ' repair it, take it out, or skip such photos: `on_bad_image="skip"`'
                )
            looks.append(look)
            monitor.progress("photos", len(looks), len(candidates))
    return looks


def _sized(candidates: list[tuple[str, Path]], looks: list[_Usable | Skipped]) -> Iterator[Sized]:
    """List the photos that were decoded, those that are too small among them."""
    for (_, file), look in zip(candidates, looks, strict=True):
        side = look.side if isinstance(look, Skipped) else min(look.record.width, look.record.height)
        if side:
            yield Sized(file, side)


def _sort_out(name: str, looks: list[_Usable | Skipped]) -> tuple[PhotoClass, list[Skipped]]:
    """Keep what is usable, and of several files with the same picture the first: no crop may occur twice."""
    kept: dict[str, PhotoRecord] = {}
    skipped = []
    for look in looks:
        if isinstance(look, Skipped):
            skipped.append(look)
        elif (earlier := kept.setdefault(look.pixels_sha256, look.record)) is not look.record:
            same = "bytes" if look.record.sha256 == earlier.sha256 else "pixels"
            reason = f"same {same} as {earlier.path}"
            skipped.append(Skipped(name, look.record.path, reason, twin=earlier.path))
    return PhotoClass(name, tuple(kept.values())), skipped


def _check_usable(root: Path, classes: list[PhotoClass], skipped: list[Skipped], is_hr_size: bool) -> None:
    of = {each.name: [bad for bad in skipped if bad.class_name == each.name] for each in classes if not each.photos}
    for name, bad in of.items():
        reasons = "; ".join(f"{item.path}: {item.reason}" for item in bad[:3])
        fits = _fitting(of.values()) if is_hr_size else None
        advice = f"`hr_size={fits}` fits most of them" if fits else "repair them"
        raise SourceError(
            f"class {name} in {printable(root)} has no usable image among its {len(bad)}, such as {reasons}; {advice}, "
            "or take the folder out"
        )


def _fitting(classes: Iterable[list[Skipped]]) -> int | None:
    """Find a side of crops that at least half of the photos of each class that are merely too small have."""
    sides = [[photo.side for photo in photos if photo.side] for photos in classes]
    fits = min(median_low(of_class) if of_class else 0 for of_class in sides) // SIDE_STEP * SIDE_STEP
    return fits if fits >= LEAST_HR_SIZE else None


def scan(
    root: Path,
    *,
    min_size: int,
    is_hr_size: bool = False,
    together: bool = False,
    on_bad_image: OnBadImage = "skip",
    monitor: Monitor = SILENT,
) -> Catalog:
    """Catalogue a folder of photos; reads every image file once and writes nothing.

    Args:
        root: a folder with one folder of photos a class, or with photos of one class.
        min_size: smallest usable width and height, in pixels.
        is_hr_size: whether the user chose that as `hr_size`, and may choose another.
        together: whether all photos are one class, whatever folder they lie in.
        on_bad_image: "skip" lists photos that cannot be used in the catalog; "fail" stops at the first by name.
        monitor: is told of the photos, in this thread.

    Returns:
        The catalog, the same for the same files whatever the file system's order and the machine.

    Raises:
        SourceError: if there are no photos, a class has no usable one or repeats those of another smaller, or one is
            bad and `on_bad_image` is "fail".
    """
    root = Path(root)
    listing = list_photos(root, together=together)
    candidates = [(folder.name, file) for folder in listing.classes for file in folder.files]
    looks = _look_at_all(candidates, root, min_size, on_bad_image, monitor)
    check_not_repeated(root, _sized(candidates, looks))
    by_class: dict[str, list[_Usable | Skipped]] = {folder.name: [] for folder in listing.classes}
    for look in looks:
        by_class[look.class_name].append(look)
    classes, skipped = [], []
    for name, looks in by_class.items():
        photo_class, left_out = _sort_out(name, looks)
        classes.append(photo_class)
        skipped += left_out
    _check_usable(root, classes, skipped, is_hr_size)
    return Catalog(root, tuple(classes), tuple(skipped), listing.ignored)
