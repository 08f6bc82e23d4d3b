"""A set of shards: opened by its index, read latent by latent."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from os import PathLike
from pathlib import Path

import numpy as np

from gsdd.errors import FormatError, SourceError
from gsdd.formats import safetensors_container
from gsdd.formats.codecs import CODECS
from gsdd.formats.document import Document
from gsdd.formats.manifest import ManifestClass
from gsdd.formats.shards import Index, read_index

# Each mapped shard keeps its file open, of which a process may have a thousand.
MOST_OPEN = 64
THREADS = 2


@dataclass(frozen=True)
class Shard:
    """A file of a set: its document, and its tensors."""

    document: Document
    tensors: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Shards:
    """The latents of a set of shards. Headers are read when a latent of their shard is first asked for.

    Args:
        path: of the index.
        index: what it says.
    """

    path: Path
    index: Index
    _opened: OrderedDict[int, Shard] = field(default_factory=OrderedDict, repr=False)

    def __len__(self) -> int:
        return sum(self.index.latents)

    def __getstate__(self) -> dict[str, object]:
        """Leave out what is mapped: another process opens its own."""
        return {**vars(self), "_opened": OrderedDict()}

    @property
    def classes(self) -> tuple[ManifestClass, ...]:
        """The classes of the whole set."""
        return self.index.classes

    @property
    def paths(self) -> tuple[Path, ...]:
        """The shards; each is a file that `gsdd.open` takes."""
        return tuple(map(self.shard_path, range(len(self.index.files))))

    def __getitem__(self, number: int) -> np.ndarray:
        """Read one latent.

        Args:
            number: 0 to len - 1, or from the end.

        Returns:
            z, float32 `[3, h, w]`, a new array; of others nothing is decoded.

        Raises:
            IndexError: there is no such latent.
            FormatError: its shard is not the one that the index tells of, or not sound there.
            SourceError: its shard is gone.
        """
        shard, row = self.place(number)
        opened, path = self._open(shard), self.shard_path(shard)
        # Reading a map beyond the end of its file would kill the process.
        _check_size(path, self.index.bytes[shard], self.path)
        manifest = opened.document.manifest
        try:
            latents = CODECS[manifest.codec].decode(opened.tensors, manifest.latent_shape, slice(row, row + 1))
        except FormatError as error:
            raise FormatError(f"{path}: {error}") from error
        if not np.isfinite(latents).all():
            raise FormatError(f"{path}: latent {row} is not finite")
        latent: np.ndarray = latents[0]
        return latent

    def place(self, number: int) -> tuple[int, int]:
        """Tell in which shard, from 0, and at which of its rows a latent lies; IndexError."""
        ends = self._ends
        number = range(ends[-1])[number]
        shard = bisect_right(ends, number)
        return shard, number - ends[shard] + self.index.latents[shard]

    def class_of(self, number: int) -> str:
        """Name the class of a latent; IndexError."""
        return self.classes[bisect_right(self._class_ends, range(self._ends[-1])[number])].name

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(self.index.latents))

    @cached_property
    def _class_ends(self) -> list[int]:
        return list(accumulate(each.latents for each in self.classes))

    def shard_path(self, shard: int) -> Path:
        """Say where a shard lies, from 0."""
        return self.path.with_name(self.index.files[shard])

    def _open(self, number: int) -> Shard:
        """Map a shard; of the least recently used ones the file is closed."""
        if number not in self._opened:
            self._opened[number] = map_shard(self, number)
            if len(self._opened) > MOST_OPEN:
                self._opened.popitem(last=False)
        self._opened.move_to_end(number)
        return self._opened[number]


def open_shards(path: str | PathLike[str]) -> Shards:
    """Open a set of shards by its index; of the shards only names and sizes are looked at.

    Args:
        path: the index.

    Returns:
        The set, which reads what is asked for.

    Raises:
        FormatError: the index is damaged, or a shard has another size.
        SourceError: there is no such file, or a shard is missing.
    """
    opened = Shards(Path(path), read_index(Path(path)))
    for each, wanted in zip(opened.paths, opened.index.bytes, strict=True):
        _check_size(each, wanted, path)
    return opened


def map_shard(opened: Shards, number: int) -> Shard:
    """Map a shard, if it is the one that the index tells of.

    Args:
        opened: the set.
        number: of the shard, from 0.

    Returns:
        Its document and tensors, whose bytes are read when they are used.

    Raises:
        FormatError: it is another file, or not sound.
        SourceError: it is gone.
    """
    path, index = opened.shard_path(number), opened.index
    try:
        document, tensors = safetensors_container.mapped(path)
        manifest = document.manifest
        if document.digest != index.digests[number]:
            raise FormatError(f"is not the shard that its index tells of: its digest is {document.digest}")
        if manifest.latents != index.latents[number] or manifest.hr_size != index.hr_size:
            raise FormatError(f"has {manifest.latents} latents of {manifest.hr_size} px, its index says otherwise")
        if CODECS[manifest.codec].has_streams:
            CODECS[manifest.codec].check(tensors, manifest.latent_shape)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
    return Shard(document, tensors)


def _check_size(path: Path, wanted: int, index: object) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SourceError(f"{path}: shard of {index}: {error.strerror or error}") from error
    if size != wanted:
        raise FormatError(f"{path}: has {size} bytes; its index {index} says {wanted}: it was cut off or replaced")
