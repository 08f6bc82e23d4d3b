"""What a folder of photos holds, and what `gsdd.compress` would make of it; nothing is written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

from gsdd.data.blockiness import blockiness
from gsdd.data.catalog import Catalog, PhotoRecord, decode_with_digest
from gsdd.data.decisions import decisions, dropped, ignored
from gsdd.data.likeness import Hashes, near_duplicates, perceptual_hash, stacked
from gsdd.data.threads import decoder_warnings_ignored, in_threads
from gsdd.monitor import SILENT, Monitor
from gsdd.recipe import Crops, Recipe
from gsdd.selection.sorting import sorted_photos

# Encoders at quality 50 leave 1.2 to 1.6, at 95 and in photos without blocks about 1.05.
BLOCKY = 1.3
# Sides that trainers ask for: docs/trainers.md.
SIDES = (128, 192, 256, 288, 512)
STANDARD = Recipe()


@dataclass(frozen=True)
class Duplicate:
    """A photo that another one makes needless.

    Attributes:
        photo: its path.
        of: the path of the one that stays.
        exact: whether both have the same pixels or bytes; else they look alike.
    """

    photo: str
    of: str
    exact: bool


@dataclass(frozen=True)
class Survey:
    """What a folder holds.

    Attributes:
        folder: where the photos are taken from, which a known layout puts below the folder that was given.
        notes: what was decided about the folder and about odd photos, a line each.
        by: how photos get their classes: folders, none or clusters:K.
        why: what decided that.
        classes: photos by class name.
        images: usable photos.
        bytes: of their files.
        smallest: width and height of the photo of the fewest pixels.
        median_side: of the photos' shorter sides, in pixels.
        largest: width and height of the photo of the most pixels.
        fitting: how many photos, too small ones among them, have crops of a side, by side.
        formats: photos by file format.
        conversions: photos by what is done to them to be 8-bit RGB.
        left_out: photos that `hr_size` is too large for, by path: width and height as text.
        unusable: why other photos cannot be used, by path.
        dropped: photos that scores or drop_duplicates leave out, as "class: path: reason".
        ignored: why other entries are passed over, by path.
        duplicates: exact ones, and those that look alike.
        blockiness: of the photos that show the blocks of a JPEG, by path: from `BLOCKY` on, the worst first.
        median_blockiness: of all JPEG files; None where there are none.
    """

    folder: str
    notes: tuple[str, ...]
    by: str
    why: str
    classes: Mapping[str, int]
    images: int
    bytes: int
    smallest: tuple[int, int]
    median_side: float
    largest: tuple[int, int]
    fitting: Mapping[int, int]
    formats: Mapping[str, int]
    conversions: Mapping[str, int]
    left_out: Mapping[str, str]
    unusable: Mapping[str, str]
    dropped: tuple[str, ...]
    ignored: Mapping[str, str]
    duplicates: tuple[Duplicate, ...]
    blockiness: Mapping[str, float]
    median_blockiness: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, as JSON has them."""
        return asdict(self)


@dataclass(frozen=True)
class _Look:
    """What pixels and file of one photo tell."""

    format: str
    hash: Hashes
    blockiness: float


def scan(
    source: str | PathLike[str], *, crops: Crops = STANDARD.crops, seed: int = 0, monitor: Monitor = SILENT
) -> Survey:
    """Report what a folder of photos holds, before it is compressed.

    Args:
        source: the folder; it is only read.
        crops: of the recipe to come: `hr_size`, `classes`, and which photos are taken.
        seed: of the recipe to come.
        monitor: told of the photos.

    Returns:
        What it holds. Near duplicates are searched for across all classes.

    Raises:
        SourceError: no usable photos, or an ambiguous layout.
        RecipeError: more clusters than photos.
    """
    catalog = sorted_photos(Path(source), crops, seed, monitor)
    records = catalog.records
    looks = _looks(records, monitor)
    of_jpegs = [look.blockiness for look in looks if look.format in ("JPEG", "MPO")]
    by_size = sorted((record.width * record.height, record.width, record.height) for record in records)
    small = [photo for photo in catalog.skipped if photo.side]
    sides = [min(record.width, record.height) for record in records]
    return Survey(
        folder=str(catalog.root),
        notes=decisions(catalog),
        by=catalog.sorting.by,
        why=catalog.sorting.why,
        classes={each.name: len(each.photos) for each in catalog.classes},
        images=catalog.images,
        bytes=catalog.bytes,
        smallest=by_size[0][1:],
        median_side=median(sides),
        largest=by_size[-1][1:],
        fitting={side: sum(side <= each for each in [*sides, *(photo.side for photo in small)]) for side in SIDES},
        formats=_counted([look.format for look in looks]),
        conversions=catalog.conversions,
        left_out={photo.path: photo.reason for photo in small},
        unusable={photo.path: photo.reason for photo in catalog.skipped if not photo.side and not photo.twin},
        dropped=dropped(catalog),
        ignored=ignored(catalog),
        duplicates=(*_exact(catalog), *_near(records, looks)),
        blockiness=_blocky(records, looks),
        median_blockiness=median(of_jpegs) if of_jpegs else None,
    )


def _looks(records: Sequence[PhotoRecord], monitor: Monitor) -> list[_Look]:
    looks = []
    with decoder_warnings_ignored():
        for look in in_threads(_look, records):
            looks.append(look)
            monitor.progress("looks", len(looks), len(records))
    return looks


def _look(record: PhotoRecord) -> _Look:
    pixels = decode_with_digest(record.file, record.path).photo.pixels
    with Image.open(record.file) as image:
        return _Look(image.format or "unknown", perceptual_hash(pixels), blockiness(pixels))


def _counted(names: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _exact(catalog: Catalog) -> list[Duplicate]:
    """Name photos with the pixels of another one of their class."""
    return [Duplicate(photo.path, photo.twin, True) for photo in catalog.skipped if photo.twin]


def _near(records: Sequence[PhotoRecord], looks: Sequence[_Look]) -> list[Duplicate]:
    like = near_duplicates(records, stacked([look.hash for look in looks]))
    pairs = [(records[number], records[kept]) for number, kept in sorted(like.items())]
    return [Duplicate(photo.path, other.path, photo.sha256 == other.sha256) for photo, other in pairs]


def _blocky(records: Sequence[PhotoRecord], looks: Sequence[_Look]) -> dict[str, float]:
    found = {
        record.path: look.blockiness for record, look in zip(records, looks, strict=True) if look.blockiness >= BLOCKY
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))
