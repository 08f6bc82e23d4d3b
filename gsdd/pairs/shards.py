"""The shards that webdataset reads: tar files in which a pair is a few members of one name."""

import io
import json
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsdd.data.images import encode
from gsdd.formats.atomic import write_atomically
from gsdd.pairs.tree import PairTree

PAIRS = 1000
_NAME = re.compile(r"pairs-\d{6}\.tar")


@dataclass(frozen=True)
class Shards:
    """Where each pair lies: `000012.hr.png`, `000012.lr_x4.png` and `000012.json` in `pairs-000000.tar`.

    Args:
        tree: whose pairs these are; its folders are not made.
        classes: the class of each pair.
    """

    tree: PairTree
    classes: Sequence[str]
    _waiting: dict[int, bytes] = field(default_factory=dict)

    def shard(self, number: int) -> Path:
        """Name the shard that a pair lies in."""
        return self.tree.root / f"pairs-{number // PAIRS:06d}.tar"

    def missing(self) -> tuple[int, ...]:
        """Number the pairs whose shard is not whole on disk."""
        there = {path for path in self.tree.root.glob("*.tar") if path.stat().st_size}
        return tuple(number for number in range(len(self.classes)) if self.shard(number) not in there)

    def make_folders(self) -> None:
        """Make the folder if it is not there."""
        self.tree.make_root()

    def write(self, number: int, images: Sequence[NDArray[np.uint8]]) -> None:
        """Take the images of a pair; the shard is stored with its last one.

        Args:
            number: which latent; those of a shard in their order.
            images: as for `PairTree.write`.
        """
        if self.shard(number).exists():
            return
        self._waiting[number] = self._members(number, images)
        last = min((number // PAIRS + 1) * PAIRS, len(self.classes)) - 1
        if number == last:
            # A tar file ends with two empty blocks, and is as long as a multiple of twenty.
            body = b"".join(self._waiting.values())
            write_atomically(self.shard(number), body + b"\0" * (1024 + -(len(body) + 1024) % 10240), force=True)
            self._waiting.clear()

    def remove(self, *, earlier: bool) -> None:
        """Make room for a forced run: remove the shards that it will write, and those of an earlier one."""
        doomed = set(map(self.shard, range(len(self.classes))))
        if earlier:
            doomed |= {path for path in self.tree.root.iterdir() if _NAME.fullmatch(path.name)}
        for path in doomed:
            path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Remove what a killed run left half written."""
        self.tree.tidy_root()

    def _members(self, number: int, images: Sequence[NDArray[np.uint8]]) -> bytes:
        """Lay out the members of a pair, whose bytes depend on nothing else: no times, no owners."""
        names = ["hr", *(f"lr_x{scale}" for scale in self.tree.scales)]
        facts = {"class": self.classes[number], "name": self.tree.stems[number]}
        files = {
            f"{name}.{self.tree.image_format}": encode(image, self.tree.image_format)
            for name, image in zip(names, images, strict=True)
        } | {"json": json.dumps(facts).encode()}
        buffer = io.BytesIO()
        for end, data in files.items():
            member = tarfile.TarInfo(f"{number:06d}.{end}")
            member.size, member.mode = len(data), 0o644
            buffer.write(member.tobuf() + data + b"\0" * (-len(data) % tarfile.BLOCKSIZE))
        return buffer.getvalue()
