"""A coreset as a list: a line a crop, with its class, photo, place and size, as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from gsdd.data.catalog import Catalog
from gsdd.data.crops import Crop
from gsdd.data.naming import printable
from gsdd.errors import SourceError
from gsdd.formats.opening import read_whole

# Half a million crops; rows take many times the bytes of their lines.
MOST_BYTES = 1 << 24


@dataclass(frozen=True)
class ListedCrop:
    """A square of a photo, by name.

    Attributes:
        class_name: the photo's class.
        photo: its path relative to the source folder, printable, as in the catalog.
        left: of the upper left corner, in pixels of the upright photo.
        top: of the same.
        size: side in pixels.
    """

    class_name: str
    photo: str
    left: int
    top: int
    size: int


HEAD = ["class", *(entry.name for entry in fields(ListedCrop)[1:])]


def listed(catalog: Catalog, crops: Iterable[Crop], size: int) -> tuple[ListedCrop, ...]:
    """Name crops.

    Args:
        catalog: the source photos.
        crops: of these photos.
        size: side of a crop in pixels.

    Returns:
        The same crops in the same order.
    """
    classes = [catalog.classes[crop.class_index] for crop in crops]
    return tuple(
        ListedCrop(each.name, each.photos[crop.photo_index].path, crop.left, crop.top, size)
        for each, crop in zip(classes, crops, strict=True)
    )


def to_csv(rows: Sequence[ListedCrop]) -> bytes:
    """Write a list as CSV (RFC 4180 but for its line ends, UTF-8)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows(map(astuple, rows))
    return text.getvalue().encode()


def read_list(path: Path) -> tuple[ListedCrop, ...]:
    """Read a list that `gsdd coreset` wrote, or a spreadsheet saved.

    Args:
        path: the .csv file, or `coreset.csv` in a coreset's folder.

    Returns:
        The crops, at least one, all of one size.

    Raises:
        SourceError: the file cannot be read, or is no such list; the text names the line.
    """
    name = printable(path)
    lines = csv.reader(io.StringIO(_text(path, name), newline=""), strict=True)
    try:
        if next(lines, None) != HEAD:
            raise SourceError(f"{name}: its first line is not {','.join(HEAD)}; give a list that gsdd coreset wrote")
        rows = tuple(_row(values, f"{name}: line {lines.line_num}") for values in lines)
    except csv.Error as error:
        raise SourceError(f"{name}: line {lines.line_num} is not CSV: {error}") from error
    sizes = {row.size for row in rows}
    if len(sizes) != 1:
        raise SourceError(f"{name}: lists crops of {len(sizes)} sizes; wanted crops of one size")
    return rows


def _text(path: Path, name: str) -> str:
    try:
        return read_whole(path, MOST_BYTES).decode(
            "utf-8-sig"
        )  # a spreadsheet may have put a byte order mark before it
    except OSError as error:
        raise SourceError(f"{name}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{name}: is not UTF-8 text; give a list that gsdd coreset wrote") from error


def _row(values: list[str], place: str) -> ListedCrop:
    if len(values) != len(HEAD):
        raise SourceError(f"{place}: {len(values)} values; wanted {len(HEAD)}: {','.join(HEAD)}")
    left, top, size = (_number(text, column, place) for text, column in zip(values[2:], HEAD[2:], strict=True))
    if size < 1:
        raise SourceError(f"{place}: size is {size}; wanted at least 1 pixel")
    return ListedCrop(values[0], values[1], left, top, size)


def _number(text: str, column: str, place: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise SourceError(f"{place}: {column} is {printable(text[:40])!r}; wanted a number of pixels")
    return int(text)


def find_crops(rows: Sequence[ListedCrop], catalog: Catalog) -> tuple[Crop, ...]:
    """Find listed crops in the photos they were cut from.

    Args:
        rows: from `read_list`.
        catalog: of the folder that the list was made from.

    Returns:
        The same crops in the same order, for `read_crops`.

    Raises:
        SourceError: a photo is not there or is too small; the text names it.
    """
    places = {
        (photo_class.name, photo.path): (c, p)
        for c, photo_class in enumerate(catalog.classes)
        for p, photo in enumerate(photo_class.photos)
    }
    return tuple(_found(row, places.get((row.class_name, row.photo)), catalog) for row in rows)


def _found(row: ListedCrop, place: tuple[int, int] | None, catalog: Catalog) -> Crop:
    root = printable(catalog.root)
    if place is None:
        raise SourceError(
            f"{root}: has no usable photo {printable(row.photo)} in class {printable(row.class_name)}, which the list"
            " names; give the folder that the list was made from"
        )
    photo = catalog.classes[place[0]].photos[place[1]]
    if row.left + row.size > photo.width or row.top + row.size > photo.height:
        raise SourceError(
            f"{root}/{photo.path}: is {photo.width}x{photo.height}, and the list names a crop of {row.size} pixels at"
            f" left {row.left}, top {row.top}; give the folder that the list was made from"
        )
    return Crop(place[0], place[1], row.top, row.left)
