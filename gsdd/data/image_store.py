"""Images that a run keeps: in memory while they are few, beyond that mapped from a temporary file."""

import os
import tempfile
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gsdd.data.catalog import Catalog
from gsdd.data.crops import Crop, read_crops
from gsdd.errors import OutputError

# Up to here images are in memory; beyond it the system may write their pages to disk when memory is short.
RAM_BYTES = 32 * 1024**2
READ_TOGETHER = 256


def image_store(shape: tuple[int, int, int, int], directory: Path, ram_bytes: int = RAM_BYTES) -> Tensor:
    """Make room for images, all black at first.

    Args:
        shape: `[N, 3, H, W]`.
        directory: where a file may lie that is gone with the process: beside the output, since /tmp may be memory.
        ram_bytes: the most that is kept in memory.

    Returns:
        uint8 of that shape, on the CPU.

    Raises:
        OutputError: the directory has no room for them.
    """
    size = prod(shape)
    if size <= ram_bytes:
        return torch.zeros(shape, dtype=torch.uint8)
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            _reserve(file.fileno(), size)
            return torch.from_numpy(np.memmap(file, np.uint8, "r+", shape=shape))
    except OSError as error:
        raise OutputError(
            f"{directory}: got no room for {size / 1e6:,.0f} MB of images that the run keeps there while it lasts "
            f"({error.strerror or error}); make room, or lower `ipc`"
        ) from error


def _reserve(descriptor: int, size: int) -> None:
    """Set disk space aside: a disk that fills up later would end the process by a signal."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.truncate(descriptor, size)


def stored_crops(catalog: Catalog, crops: Sequence[Crop], hr_size: int, directory: Path) -> Tensor:
    """Read crops into a store, few at a time, those of a photo together.

    Args:
        catalog: the source photos.
        crops: any crops of these photos.
        hr_size: side of a crop in pixels.
        directory: as for `image_store`.

    Returns:
        uint8 RGB `[N, 3, hr_size, hr_size]`, in the order given.

    Raises:
        SourceError: a photo is gone or has changed since the catalog was made.
        OutputError: the directory has no room for them.
    """
    store = image_store((len(crops), 3, hr_size, hr_size), directory, RAM_BYTES)
    order = sorted(range(len(crops)), key=lambda k: (crops[k].class_index, crops[k].photo_index))
    for index in torch.tensor(order, dtype=torch.int64).split(READ_TOGETHER):
        store[index] = torch.from_numpy(read_crops(catalog, [crops[k] for k in index.tolist()], hr_size))
    return store
