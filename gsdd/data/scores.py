"""Somebody's quality scores of photos: a CSV file -> a score a photo of the catalog."""

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from gsdd.data.catalog import Catalog
from gsdd.data.naming import printable
from gsdd.errors import SourceError
from gsdd.formats.opening import read_whole

COLUMN = "score"
MOST_BYTES = 1 << 28


def read_scores(path: Path, catalog: Catalog) -> dict[str, float]:
    """Read the scores of photos.

    Args:
        path: a CSV file, a line a photo: its path or file name first, and its score in the column that the first line
            calls "score", else in the second one. A first line without a number there is a head.
        catalog: the photos. A name without folders is of the one photo that is called so.

    Returns:
        The score of every photo, by its path in the catalog.

    Raises:
        SourceError: the file cannot be read or is no such list, a photo has no score or two, or a name is of several.
    """
    name = printable(path)
    given = _by_name(_rows(path, name), name)
    paths = [record.path for record in catalog.records]
    files = Counter(map(_file_name, paths))
    known = {photo: photo if photo in given else _file_name(photo) for photo in paths}
    if missing := [photo for photo in paths if known[photo] not in given]:
        others = f" and {len(missing) - 1} other photos" if missing[1:] else ""
        raise SourceError(
            f"{name}: has no score of {missing[0]}{others} of {printable(catalog.root)}; score them too, by path or "
            "file name"
        )
    if unclear := next((photo for photo in paths if known[photo] != photo and files[known[photo]] > 1), None):
        raise SourceError(
            f"{name}: {known[unclear]} is the name of {files[known[unclear]]} photos, such as {unclear}; give paths"
        )
    return {photo: given[known[photo]] for photo in paths}


def _file_name(photo: str) -> str:
    return PurePosixPath(photo).name


def _rows(path: Path, name: str) -> list[list[str]]:
    try:
        text = read_whole(path, MOST_BYTES).decode(
            "utf-8-sig"
        )  # a spreadsheet may have put a byte order mark before it
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except OSError as error:
        raise SourceError(f"{name}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{name}: is not CSV in UTF-8: {error}; give lines such as sky/a.png,0.7") from error


def _by_name(rows: Sequence[Sequence[str]], name: str) -> dict[str, float]:
    column, start = _head(rows)
    scores: dict[str, float] = {}
    for number, row in enumerate(rows[start:], start=start + 1):
        score = _number(row[column]) if len(row) > column else None
        if score is None:
            got = printable(",".join(row)[:60])
            raise SourceError(f"{name}: row {number}: got {got!r}, wanted a photo and its score, such as sky/a.png,0.7")
        photo = PurePosixPath(row[0].strip().replace("\\", "/")).as_posix()
        if scores.setdefault(photo, score) != score:
            raise SourceError(f"{name}: row {number}: {printable(photo)} has another score before; give one a photo")
    return scores


def _head(rows: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Say which column has the scores, and which row is the first."""
    names = [cell.strip().lower() for cell in rows[0]] if rows else []
    if COLUMN in names[1:]:
        return names.index(COLUMN, 1), 1
    return 1, int(len(names) > 1 and _number(names[1]) is None)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
