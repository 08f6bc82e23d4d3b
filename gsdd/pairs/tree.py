"""The folder that SR trainers read: `HR/`, `LR_x4/`, `meta_info.txt`, written so that a killed run can go on.

Every file appears under its name only when it is whole. A marker tells whose images they are, a record their digests.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from gsdd.data.degradation import SCALE
from gsdd.data.images import ImageFormat, encode
from gsdd.errors import OutputError, RecipeError
from gsdd.formats.atomic import is_unfinished, remove_orphans, told_as_output_error, write_atomically
from gsdd.formats.digest import file_digest
from gsdd.formats.opening import read_whole

MARKER = ".gsdd-expand.json"
MOST_MARKED = 1 << 16
RECORD = ".gsdd-expand.sums"
MOST_RECORDED = 1 << 28
_RECORDED = re.compile(r"(\d+ [0-9a-f]{64}) (\S+)")
METADATA = "metadata.jsonl"
_IMAGE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*_\d{6,}\.(png|webp)")


@dataclass(frozen=True)
class Marker:
    """Whose images a folder holds.

    Args:
        file: sha256 of the `.gsdd` file.
        generator: fingerprint of the weights that made the images.
        by_class: whether each class has a folder of its own.
        image_format: how the images are stored.
        scales: of the LR images, with commas between them.
        to: "folder" or "webdataset".
    """

    file: str
    generator: str
    by_class: bool
    image_format: str
    scales: str = str(SCALE)
    to: str = "folder"


@dataclass(frozen=True)
class PairTree:
    """Where each pair lies.

    Args:
        root: the output folder.
        stems: a name a pair, from `names.image_stems`.
        image_format: "png" or lossless "webp".
        hr_size: side of an HR image in pixels, a multiple of every scale.
        scales: HR side / LR side, of each folder of LR images.
    """

    root: Path
    stems: tuple[str, ...]
    image_format: ImageFormat
    hr_size: int
    scales: tuple[int, ...] = (SCALE,)

    def __post_init__(self) -> None:
        if self.image_format not in get_args(ImageFormat):
            raise RecipeError(f"`image_format`: got {self.image_format!r}, wanted one of {get_args(ImageFormat)}")

    @property
    def sides(self) -> tuple[Path, ...]:
        """The folders of the HR images, and of the LR images of each scale."""
        return self.root / "HR", *(self.root / f"LR_x{scale}" for scale in self.scales)

    @property
    def meta_info(self) -> Path:
        """The list of images that BasicSR-family trainers may read."""
        return self.root / "meta_info.txt"

    def pair(self, number: int) -> tuple[Path, ...]:
        """Name the HR image of a latent, and its LR image at each scale."""
        return tuple(side / f"{self.stems[number]}.{self.image_format}" for side in self.sides)

    @property
    def record(self) -> Path:
        """The list of sizes and digests of the images that were written."""
        return self.root / RECORD

    def missing(self) -> tuple[int, ...]:
        """Number the latents whose pair is not on disk as it was written, byte for byte."""
        written = read_record(self.record)
        numbers = range(len(self.stems))
        return tuple(n for n in numbers if not all(self._is_as_written(path, written) for path in self.pair(n)))

    def _is_as_written(self, path: Path, written: Mapping[str, str]) -> bool:
        wanted = written.get(path.relative_to(self.root).as_posix())
        if wanted is None or path.is_symlink() or not _is_there(path):
            return False
        with suppress(OSError):
            return f"{path.stat().st_size} {file_digest(path)}" == wanted
        return False

    def folders(self) -> Iterator[Path]:
        """List every folder inside the root that holds images."""
        for side in self.sides:
            yield side
            yield from sorted({(side / stem).parent for stem in self.stems} - {side})

    def make_root(self) -> None:
        """Make the folder itself; OutputError as for `make_folders`."""
        if not self.root.is_dir():
            _make_folder(self.root)

    def make_folders(self) -> None:
        """Make the folders that are not there.

        Raises:
            OutputError: one is a symbolic link or a file, or cannot be made.
        """
        for folder in self.folders():
            _make_folder(folder)

    def tidy_root(self) -> None:
        """Remove what a killed run left half written in the output folder alone."""
        if _is_folder(self.root):
            remove_orphans(self.root)

    def finish(self) -> None:
        """Remove what a killed run left half written, store the list of images, and put the record in its order."""
        for folder in filter(_is_folder, [self.root, *self.folders()]):
            remove_orphans(folder)
        self._write_meta_info()
        self._sort_record()

    def write(self, number: int, images: Sequence[NDArray[np.uint8]]) -> None:
        """Store the images of a latent, and then their sizes and digests.

        Args:
            number: which latent.
            images: uint8 RGB, of each of `sides`: `[3, H, W]`, then `[3, H / scale, W / scale]`.
        """
        lines = []
        for path, image in zip(self.pair(number), images, strict=True):
            data = encode(image, self.image_format)
            name, told = path.relative_to(self.root).as_posix(), f"{len(data)} {hashlib.sha256(data).hexdigest()}"
            if not self._is_as_written(path, {name: told}):
                write_atomically(path, data, force=True)
            lines.append(f"{told} {name}\n")
        with told_as_output_error(self.record), self.record.open("ab") as record:
            record.write("".join(lines).encode())

    def write_metadata(self, classes: Sequence[str]) -> None:
        """Store a line a pair for `load_dataset("imagefolder")`: columns `hr`, `lr_x4` and `class`.

        Args:
            classes: of each pair.
        """
        columns = ["hr", *(f"lr_x{scale}" for scale in self.scales)]
        lines = []
        for number, name in enumerate(classes):
            paths = (path.relative_to(self.root).as_posix() for path in self.pair(number))
            files = {f"{column}_file_name": path for column, path in zip(columns, paths, strict=True)}
            lines.append(json.dumps({**files, "class": name}) + "\n")
        write_atomically(self.root / METADATA, "".join(lines).encode(), force=True)

    def remove(self, *, earlier: bool) -> None:
        """Make room for a forced run: remove the images that it will write, and those of an earlier expansion.

        Args:
            earlier: the folder carries a marker, so all images in it named as ours are ours.
        """
        doomed = {path for number in range(len(self.stems)) for path in self.pair(number)}
        doomed |= {self.meta_info, self.record}
        if earlier:
            doomed |= {path for side in _sides_of(self.root) for path in _images_below(side)}
        for path in doomed:
            path.unlink(missing_ok=True)

    def _sort_record(self) -> None:
        """Give the record the bytes that one run would have written, in whatever order the images came."""
        written = read_record(self.record)
        names = [path.relative_to(self.root).as_posix() for n in range(len(self.stems)) for path in self.pair(n)]
        data = "".join(f"{written[name]} {name}\n" for name in names if name in written).encode()
        if not _is_there(self.record) or read_whole(self.record, MOST_RECORDED) != data:
            write_atomically(self.record, data, force=True)

    def _write_meta_info(self) -> None:
        """Store one line an image, `sky_000012.png (128,128,3)`, as BasicSR's scripts do; an existing list is kept."""
        if not _is_there(self.meta_info):
            size = f"({self.hr_size},{self.hr_size},3)"
            lines = (f"{stem}.{self.image_format} {size}\n" for stem in self.stems)
            write_atomically(self.meta_info, "".join(lines).encode(), force=True)


def read_marker(root: Path) -> Marker | None:
    """Read whose images a folder holds; None if it has no marker that can be read."""
    try:
        marker = Marker(**json.loads(read_whole(root / MARKER, MOST_MARKED)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return marker if all(type(getattr(marker, each.name)) is each.type for each in fields(Marker)) else None


def read_record(path: Path) -> dict[str, str]:
    """Read sizes and digests of images by their place in a folder; what a killed run wrote of a line is passed over.

    Args:
        path: the record, which may be anything.
    """
    with suppress(OSError, UnicodeDecodeError):
        lines = read_whole(path, MOST_RECORDED).decode().splitlines()
        return {match[2]: match[1] for match in map(_RECORDED.fullmatch, lines) if match}
    return {}


def write_marker(root: Path, marker: Marker) -> None:
    """Record whose images the folder holds from now on."""
    write_atomically(root / MARKER, (json.dumps(asdict(marker), indent=2) + "\n").encode(), force=True)


def is_free(root: Path) -> bool:
    """Tell whether a folder does not exist, or holds no file but what a killed run left half written."""
    if not root.is_dir():
        return not (root.exists() or root.is_symlink())
    return all(_is_folder(entry) or is_unfinished(entry) for entry in root.rglob("*"))


def _make_folder(folder: Path) -> None:
    if folder.is_symlink():
        raise OutputError(
            f"{folder} is a symbolic link, which could lead anywhere; remove it, or give another `output=DIR`"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror or error}") from error


def _sides_of(root: Path) -> Iterator[Path]:
    return filter(_is_folder, [root / "HR", *root.glob("LR_x*")])


def _images_below(side: Path) -> Iterator[Path]:
    for folder in [side, *filter(_is_folder, side.iterdir())]:
        yield from (path for path in folder.iterdir() if _IMAGE_NAME.fullmatch(path.name))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_there(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
