"""A coreset as a folder: class folders of PNG crops, a list of them, and how they were chosen."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from gsdd.data.catalog import Catalog, PhotoClass
from gsdd.data.crops import Crop
from gsdd.data.images import encode
from gsdd.data.names import class_folders
from gsdd.selection.crop_list import listed, to_csv

FACTS = "coreset.json"
LIST = "coreset.csv"
_CROP_NAME = re.compile(r".+_left\d+_top\d+\.png")


def folder_files(
    catalog: Catalog, crops: Sequence[Crop], pixels: npt.NDArray[np.uint8], facts: Mapping[str, Any]
) -> Iterator[tuple[str, bytes]]:
    """Give the files of a coreset's folder.

    Args:
        catalog: the source photos.
        crops: chosen from them.
        pixels: of the crops, uint8 RGB `[N, 3, size, size]`.
        facts: how they were chosen, as JSON has it.

    Yields:
        Path in the folder, and bytes: the crops, the list and the facts.
    """
    for name, crop in zip(crop_names(catalog, crops), pixels, strict=True):
        yield name, encode(crop, "png")
    yield LIST, to_csv(listed(catalog, crops, pixels.shape[-1]))
    yield FACTS, (json.dumps(facts, indent=2, allow_nan=False) + "\n").encode()


def crop_names(catalog: Catalog, crops: Sequence[Crop]) -> tuple[str, ...]:
    """Name the file of each crop after its class, photo and place.

    Args:
        catalog: the source photos.
        crops: of these photos.

    Returns:
        Such as `sky/2092_left0_top96.png`; safe on every file system, no two alike, also where case is ignored.
    """
    folders = class_folders(photo_class.name for photo_class in catalog.classes)
    stems = [class_folders(_stems(photo_class)) for photo_class in catalog.classes]
    return tuple(
        f"{folders[crop.class_index]}/{stems[crop.class_index][crop.photo_index]}_left{crop.left}_top{crop.top}.png"
        for crop in crops
    )


def _stems(photo_class: PhotoClass) -> Iterator[str]:
    return (PurePosixPath(photo.path).stem for photo in photo_class.photos)


def is_of_a_coreset(entry: Path, root: Path) -> bool:
    """Tell whether an entry is such as `folder_files` gives.

    Args:
        entry: a path below the root.
        root: a folder that may hold a coreset.
    """
    if entry.is_symlink():
        return False
    if entry.parent == root:
        return entry.is_dir() or (entry.is_file() and entry.name in (FACTS, LIST))
    is_crop = entry.parent.parent == root and _CROP_NAME.fullmatch(entry.name) is not None
    return is_crop and entry.is_file() and (root / FACTS).is_file()
