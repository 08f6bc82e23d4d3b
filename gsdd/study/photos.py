"""The photos of a study: a folder that is scanned once, and the split of one that choices are tuned on."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gsdd.data.catalog import Catalog, PhotoRecord, scan
from gsdd.errors import OutputError, RecipeError
from gsdd.formats.atomic import told_as_output_error

# Of the training photos of a class, one in so many is held out to tune on.
TUNE_EVERY = 5


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos that cells train or test on: the catalog of their folder."""

    catalog: Catalog

    @classmethod
    def of(cls, folder: Path, smallest: int) -> "Photos":
        """Scan a folder.

        Args:
            folder: one folder of photos a class, or photos.
            smallest: least side of a usable photo, in pixels.

        Returns:
            The photos.

        Raises:
            SourceError: there is no usable photo.
        """
        return cls(scan(folder, min_size=smallest))

    @cached_property
    def sha256(self) -> str:
        """Digest of the photos (`Catalog.sha256`)."""
        return self.catalog.sha256

    @property
    def records(self) -> list[PhotoRecord]:
        """Every photo, class after class."""
        return [record for entry in self.catalog.classes for record in entry.photos]

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.catalog.root


def split_for_tuning(folder: Path, target: Path, smallest: int) -> tuple[Path, Path]:
    """Split training photos by links: choices are tuned on the second part, and tested once elsewhere.

    Args:
        folder: the training photos; it is only read.
        target: a folder for the links; those of the same split that are there already are left alone.
        smallest: least side of a usable photo, in pixels.

    Returns:
        The folder to train on, and the folder to tune on: every fifth photo of each class.

    Raises:
        SourceError: there is no usable photo.
        RecipeError: no class has five.
        OutputError: a link cannot be made, or there are links of another split.
    """
    parts = (target / "train", target / "test")
    catalog = scan(folder, min_size=smallest)
    if all(len(each.photos) < TUNE_EVERY for each in catalog.classes):
        raise RecipeError(f"{folder}: no class has {TUNE_EVERY} usable photos; wanted one to hold out to tune on")
    links = {
        parts[number % TUNE_EVERY == TUNE_EVERY - 1] / photo_class.name / photo.file.name: photo.file.resolve()
        for photo_class in catalog.classes
        for number, photo in enumerate(photo_class.photos)
    }
    _check_same_split(target, links)
    for link, photo_file in links.items():
        with told_as_output_error(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            # Another process may make the same split at the same time.
            with suppress(FileExistsError):
                link.symlink_to(photo_file)
    return parts


def check_apart(train: Photos, test: Photos) -> None:
    """Refuse photos that are tested on and trained on.

    Raises:
        RecipeError: a file with the same bytes is in both.
    """
    trained = {record.sha256: record.path for record in train.records}
    for record in test.records:
        if record.sha256 in trained:
            raise RecipeError(
                f"{test.folder}: {record.path} is {trained[record.sha256]} of {train.folder}, which is trained on; "
                "give other test photos, or `tune=True` for a split of the training photos"
            )


def _check_same_split(target: Path, links: Mapping[Path, Path]) -> None:
    """Held-out photos are every fifth, so one more photo would let those of a split before it into the training."""
    for path in sorted(target.rglob("*")):
        if not path.is_dir() and (path not in links or path.resolve() != links[path]):
            raise OutputError(f"{path}: of a split of other photos; give another `output`, or remove {target}")
