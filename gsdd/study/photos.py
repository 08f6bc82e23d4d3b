"""The photos of a study: a folder that is scanned once, and the split of one that choices are tuned on."""

from dataclasses import dataclass
from pathlib import Path

from gsdd.data.catalog import Catalog, scan
from gsdd.errors import OutputError, RecipeError

# Of the training photos of a class, one in so many is held out to tune on.
TUNE_EVERY = 5


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos that cells train or test on.

    Attributes:
        catalog: of their folder.
        sha256: of the photos (`Catalog.sha256`).
    """

    catalog: Catalog
    sha256: str

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
        catalog = scan(folder, min_size=smallest)
        return cls(catalog, catalog.sha256)

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.catalog.root


def split_for_tuning(folder: Path, target: Path, smallest: int) -> tuple[Path, Path]:
    """Split training photos by links: choices are tuned on the second part, and tested once elsewhere.

    Args:
        folder: the training photos; it is only read.
        target: a folder for the links; those that are there already are left alone.
        smallest: least side of a usable photo, in pixels.

    Returns:
        The folder to train on, and the folder to tune on: every fifth photo of each class.

    Raises:
        SourceError: there is no usable photo.
        RecipeError: no class has five.
        OutputError: a link cannot be made.
    """
    parts = (target / "train", target / "test")
    catalog = scan(folder, min_size=smallest)
    if all(len(each.photos) < TUNE_EVERY for each in catalog.classes):
        raise RecipeError(f"{folder}: no class has {TUNE_EVERY} usable photos; wanted one to hold out to tune on")
    for photo_class in catalog.classes:
        for number, photo in enumerate(photo_class.photos):
            held_out = number % TUNE_EVERY == TUNE_EVERY - 1
            _link(photo.file, parts[held_out] / photo_class.name / photo.file.name)
    return parts


def _link(photo: Path, link: Path) -> None:
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(photo.resolve())
    except OSError as error:
        raise OutputError(f"{link}: cannot be written: {error.strerror or error}") from error
