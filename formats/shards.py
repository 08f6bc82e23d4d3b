"""Large sets: files of some classes each, and an index of them. SHARDS.md is the specification.

Every shard is a whole .gsdd file that all of gsdd reads; the index tells which latents it has.
"""

import hashlib
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gsdd.errors import FormatError, RecipeError, SourceError
from gsdd.formats import container as files
from gsdd.formats.atomic import check_output, told_as_output_error, write_atomically
from gsdd.formats.canonical import dumps, loads, quote
from gsdd.formats.manifest import Manifest, ManifestClass, check_object
from gsdd.formats.tensors import MAX_INTEGER, is_sha256

VERSION = "1.0"
MAX_TEXT = 16 * 2**20
# In `run` of a shard's manifest.
SHARD = "shard"
_FIELDS = ("bytes", "classes", "digest", "digests", "files", "hr_size", "latents", "version")
_MOST = 99_999

# Gives the tensors of latents that follow on each other, as they are stored: a file's, but for `class_index`.
Rows = Callable[[slice], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Index:
    """What the index of shards says.

    Args:
        files: names of the shards, beside the index.
        latents: of each.
        bytes: of each.
        digests: of each one's manifest, which has those of its tensors.
        classes: of the whole set, in its order, with all their latents.
        hr_size: side of an HR image, pixels.

    Raises:
        FormatError: a value that no writer writes.
    """

    files: tuple[str, ...]
    latents: tuple[int, ...]
    bytes: tuple[int, ...]
    digests: tuple[str, ...]
    classes: tuple[ManifestClass, ...]
    hr_size: int

    def __post_init__(self) -> None:
        """Refuse what no writer writes."""
        columns = (self.files, self.latents, self.bytes, self.digests)
        if len({len(each) for each in columns}) != 1 or not 1 <= len(self.files) <= _MOST:
            raise FormatError(f"the index has {[len(each) for each in columns]} files, latents, bytes and digests")
        if any(type(each) is not int or each < 1 for each in (*self.latents, *self.bytes, self.hr_size)):
            raise FormatError("the index has latents, bytes or an hr_size that are not whole numbers from 1")
        if not all(map(is_sha256, self.digests)):
            raise FormatError("the index has digests that are not 64 hexadecimal digits")
        # A name that leads elsewhere would read any file of this machine.
        if wrong := [name for name in self.files if type(name) is not str or not _NAME.fullmatch(name)]:
            raise FormatError(f"the index names {quote(wrong)}; wanted names such as 'ost-00001-of-00008.gsdd'")
        if sum(self.latents) > MAX_INTEGER:
            raise FormatError(f"the index has more than {MAX_INTEGER} latents")
        if sum(each.latents for each in self.classes) != sum(self.latents):
            raise FormatError("the latents of the index's classes are not those of its shards")

    @property
    def digest(self) -> str:
        """The sha256 of the index's text without its `digest`; it stands for the whole set."""
        return hashlib.sha256(dumps(self._fields).encode()).hexdigest()

    def to_text(self) -> str:
        """Spell the index, with its digest."""
        return dumps({**self._fields, "digest": self.digest})

    @property
    def _fields(self) -> dict[str, Any]:
        return {**vars(self), "classes": [vars(each) for each in self.classes], "version": VERSION}


_NAME = re.compile(r"[^/\\\x00-\x1f\x7f-\x9f]{1,200}-[0-9]{5}-of-[0-9]{5}\.gsdd")


def split(manifest: Manifest, most: int) -> tuple[Manifest, ...]:
    """Deal the latents of a set to shards, in their order.

    Args:
        manifest: of the whole set.
        most: latents of a shard, at least 1. All but the last have so many; of codecs that sign one image a class,
            shards have whole classes, and at most so many latents.

    Returns:
        The shards' manifests; `run.shard` tells the number, how many there are, and the set's own `run`, which is of
        classes that a shard may have a piece of.

    Raises:
        RecipeError: so many shards have no names, a class that has to be whole is too large, or this is a shard.
    """
    if SHARD in manifest.run:
        raise RecipeError("shards: the file is a shard itself; join its set first (gsdd convert)")
    ends = _whole_classes(manifest, most) if manifest.signs_classes else _evenly(manifest, most)
    if not 1 <= len(ends) <= _MOST:
        raise RecipeError(f"shards: got {manifest.latents} latents in {len(ends)} shards, wanted 1 to {_MOST}")
    return tuple(
        replace(
            manifest,
            classes=tuple(_classes_of(manifest, start, end)),
            run={SHARD: {"number": number, "of": len(ends), "run": dict(manifest.run)}},
        )
        for number, (start, end) in enumerate(pairwise([0, *ends]), 1)
    )


def _evenly(manifest: Manifest, most: int) -> list[int]:
    return [min(start + most, manifest.latents) for start in range(0, manifest.latents, most)]


def _whole_classes(manifest: Manifest, most: int) -> list[int]:
    """Keep classes whole, of which only the first image is signed."""
    starts, ends = 0, [0]
    for each in manifest.classes:
        if each.latents > most:
            raise RecipeError(
                f"shards of {most} latents: class {each.name} has {each.latents}, and codec {manifest.codec} keeps "
                "classes whole; choose larger shards, or another codec"
            )
        starts, end = ends[-2] if len(ends) > 1 else 0, ends[-1] + each.latents
        ends = [*ends[:-1], end] if len(ends) > 1 and end - starts <= most else [*ends, end]
    return ends[1:]


def write(path: Path, manifest: Manifest, rows: Rows, most: int, *, force: bool = False) -> Index:
    """Write a set as shards, and their index last; one shard is in memory at a time.

    An index that is replaced is removed first, and the shards that it alone named at the end.

    Args:
        path: the index; shards lie beside it, as `ost-00001-of-00008.gsdd` for `ost.gsdd`.
        manifest: of the whole set.
        rows: gives tensors of latents; those of `signatures` too, whose rows are the latents', or the classes' that
            begin there.
        most: latents of a shard, at least 1.
        force: replace files of these names.

    Returns:
        The index.

    Raises:
        FormatError: rows that do not fit the manifest.
        RecipeError: too many shards, or a name that no shard may have.
        OutputError: a file exists, or cannot be written.
    """
    parts = split(manifest, most)
    paths = shard_paths(path, len(parts))
    for each in (path, *paths):
        check_output(each, force=force)
    with told_as_output_error(path):
        old = set(read_index(path).files) if is_index(path) else set()
        path.unlink(missing_ok=True)
    starts = accumulate((part.latents for part in parts), initial=0)
    made = [_write_shard(*each, rows, force) for each in zip(paths, parts, starts, strict=False)]
    index = Index(
        tuple(each.name for each in paths),
        tuple(part.latents for part in parts),
        tuple(size for size, _ in made),
        tuple(digest for _, digest in made),
        manifest.classes,
        manifest.hr_size,
    )
    write_atomically(path, index.to_text().encode(), force=force)
    with told_as_output_error(path):
        for name in old - set(index.files):
            path.with_name(name).unlink(missing_ok=True)
    return index


def shard_paths(path: Path, count: int) -> list[Path]:
    """Name the shards of an index: beside it, `ost-00001-of-00008.gsdd` for `ost.gsdd`.

    Raises:
        RecipeError: the index's name makes none that a shard may have.
    """
    paths = [path.with_name(f"{path.stem}-{k + 1:05}-of-{count:05}.gsdd") for k in range(count)]
    if not _NAME.fullmatch(paths[0].name) or not paths[0].name.isprintable():
        raise RecipeError(f"shards: {path.name!r} is too long for an index, or has characters that shards may not have")
    return paths


def _write_shard(path: Path, part: Manifest, start: int, rows: Rows, force: bool) -> tuple[int, str]:
    numbers = np.repeat(np.arange(len(part.classes), dtype=np.int32), [each.latents for each in part.classes])
    tensors = {**rows(slice(start, start + part.latents)), files.CLASS_INDEX: numbers}
    return files.write_stored(path, part, tensors, force=force), files.sealed(part, tensors).digest


def read_index(path: Path) -> Index:
    """Read an index and check it; shards are not looked at.

    Args:
        path: of unknown origin.

    Raises:
        FormatError: it is no sound index.
        SourceError: there is no such file.
    """
    try:
        # Opening a pipe would wait for its other end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise FormatError("is not a file; wanted an index of shards")
        with path.open("rb") as file:
            text = file.read(MAX_TEXT + 1)
        if len(text) > MAX_TEXT:
            raise FormatError(f"an index has at most {MAX_TEXT} bytes")
        return _parse(text.decode("ascii"))
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: is no index of shards: {error.reason}") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error


def is_index(path: Path) -> bool:
    """Tell whether a file begins as an index does."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return file.read(len(files.INDEX_START)) == files.INDEX_START
    except OSError:
        return False


def _parse(text: str) -> Index:
    fields = loads(text)
    known = check_object("the index", fields, _FIELDS, newer=False)
    if known["version"] != VERSION:
        raise FormatError(f"the index is of version {quote(known['version'])}; this gsdd reads {VERSION}")
    columns = {name: _tuple(name, known[name]) for name in ("bytes", "digests", "files", "latents")}
    classes = tuple(_class(each) for each in _tuple("classes", known["classes"]))
    index = Index(**columns, classes=classes, hr_size=known["hr_size"])
    if index.to_text() != text:
        raise FormatError("the index is damaged: it is not the text that its digest is of")
    return index


def _class(value: object) -> ManifestClass:
    return ManifestClass(**check_object("a class", value, ("latents", "name"), newer=False))


def _tuple(name: str, value: object) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise FormatError(f"the index: {name} is {quote(value)}; wanted a list")
    return tuple(value)


def _classes_of(manifest: Manifest, start: int, end: int) -> Iterator[ManifestClass]:
    """Cut from the classes what latents start..end - 1 have of them."""
    first = 0
    for each in manifest.classes:
        count = min(end, first + each.latents) - max(start, first)
        first += each.latents
        if count > 0:
            yield ManifestClass(each.name, count)
