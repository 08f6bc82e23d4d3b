"""Facts of a file as a report tells them: its classes with their PSNRs, and everything that the manifest says."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gsdd.distilled.latent_set import LatentSet
from gsdd.formats.manifest import Manifest
from gsdd.formats.origins import Origin, origins_of
from gsdd.inspect.triptych import Triptych

# Rows of a table; nobody reads more, and a stranger's file may have as many as it likes.
MOST_ROWS = 400
# Width of the bar of a class, in the units of its SVG.
BAR = 200


@dataclass(frozen=True)
class ClassRow:
    """A class: its latents, and mean PSNRs to the real crops in dB; None where nobody knows.

    Attributes:
        name: of the class.
        latents: in the file.
        start, inverted: of all of them, as the file says.
        distilled: of those that are shown.
    """

    name: str
    latents: int
    start: float | None
    inverted: float | None
    distilled: float | None


@dataclass(frozen=True)
class Scale:
    """What the bars of the classes reach from and to, in whole dB."""

    low: int
    high: int

    def at(self, decibels: float) -> float:
        """Place a PSNR on a bar."""
        return round(6 + (BAR - 12) * (decibels - self.low) / (self.high - self.low), 1)


@dataclass(frozen=True)
class Table:
    """Names and values of a part of the manifest."""

    title: str
    rows: tuple[tuple[str, str], ...]
    left_out: int


def class_rows(distilled: LatentSet, pictures: Triptych) -> list[ClassRow]:
    """Collect what is known of each class.

    Args:
        distilled: the file; of a merged one, each run says something of its own classes.
        pictures: of some latents, with their PSNRs where there are real crops.
    """
    known = {name: origin for origin in origins_of(distilled.manifest, distilled.path) for name in origin.classes}
    means = _means(distilled, pictures)
    return [
        ClassRow(
            each.name, each.latents, _decibels(known[each.name], "psnr_start", each.name),
            _decibels(known[each.name], "psnr_inverted", each.name), means.get(each.name),
        )
        for each in distilled.manifest.classes
    ]  # fmt: skip


def scale_of(rows: list[ClassRow]) -> Scale | None:
    """Choose what the bars reach from and to; None where no PSNR is known."""
    known = [value for row in rows for value in (row.start, row.inverted, row.distilled) if value is not None]
    return Scale(math.floor(min(known)), math.floor(max(known)) + 1) if known else None


def details(distilled: LatentSet) -> list[Table]:
    """Give everything that the manifest says, in tables."""
    contents, manifest = distilled.contents, distilled.manifest
    document = manifest.to_json()
    own = {"format": contents.document.version, "container": contents.container, "bytes": contents.size}
    rest = {name: document.pop(name) for name in [*document] if not isinstance(document[name], dict)}
    del rest["classes"]
    parts = {"File": {**own, "digest": contents.document.digest, **rest}, **document}
    return [_table(title.capitalize(), values) for title, values in parts.items()]


def count_of(manifest: Manifest) -> int | None:
    """Give the number of latents of each class where all have as many."""
    counts = {each.latents for each in manifest.classes}
    return counts.pop() if len(counts) == 1 else None


def _means(distilled: LatentSet, pictures: Triptych) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for number, value in zip(pictures.numbers, pictures.columns[-1].decibels, strict=False):
        found.setdefault(distilled.class_names[int(distilled.class_index[number])], []).append(min(value, 100.0))
    return {name: sum(values) / len(values) for name, values in found.items()}


def _decibels(origin: Origin, field: str, name: str) -> float | None:
    """Read a PSNR that a run wrote; a stranger's file may hold anything."""
    said = origin.run.get(field)
    value = said.get(name) if isinstance(said, Mapping) else None
    return float(value) if isinstance(value, int | float) and abs(value) <= 1000 else None


def _table(title: str, values: Mapping[str, Any]) -> Table:
    rows = [(name, value if isinstance(value, str) else _number(value)) for name, value in _flat(values)]
    return Table(title, tuple(rows[:MOST_ROWS]), max(0, len(rows) - MOST_ROWS))


def _flat(values: Mapping[str, Any], inside: str = "") -> Iterator[tuple[str, Any]]:
    """Go through objects in objects; lists stay."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{inside}{name}.")
        else:
            yield f"{inside}{name}", value


def _number(value: object) -> str:
    return f"{value:,}" if type(value) is int else json.dumps(value)
