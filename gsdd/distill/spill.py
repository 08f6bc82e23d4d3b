"""Images that a run keeps: in memory while they are few, beyond that in a file without a name."""

import os
import tempfile
import weakref
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from gsdd.data.catalog import Catalog
from gsdd.data.crops import Crop, read_crops
from gsdd.errors import OutputError
from gsdd.generators.generator import CHANNELS

# Beyond it a file is as quick while the system has memory for its pages: 0.01 ms an image.
RAM_BYTES = 32 * 1024**2
READ_TOGETHER = 256

Shape = tuple[int, int, int, int]
Rows = Tensor | slice | int


class Images(Protocol):
    """uint8 images that are read and written by rows, whether a tensor or a file holds them."""

    def __len__(self) -> int:
        """Count the images."""
        ...

    def __getitem__(self, rows: Rows) -> Tensor:
        """Read images."""
        ...

    def __setitem__(self, rows: Rows, images: Tensor) -> None:
        """Write images."""
        ...


def images_store(shape: Shape, directory: Path, ram_bytes: int = RAM_BYTES) -> Images:
    """Make room for images, all black at first.

    Args:
        shape: `[N, 3, H, W]`.
        directory: where a file may lie that is gone with the process: beside the output, since /tmp may be memory.
        ram_bytes: the most that is kept in memory.

    Returns:
        A tensor, or what reads and writes rows like one.

    Raises:
        OutputError: the directory has no room for them.
    """
    return torch.zeros(shape, dtype=torch.uint8) if prod(shape) <= ram_bytes else SpilledImages(shape, directory)


def stored_crops(
    catalog: Catalog, crops: Sequence[Crop], hr_size: int, directory: Path, ram_bytes: int = RAM_BYTES
) -> Images:
    """Read crops into a store, few at a time, those of a photo together.

    Args:
        catalog: the source photos.
        crops: any crops of these photos.
        hr_size: side of a crop in pixels.
        directory: as for `images_store`.
        ram_bytes: as for `images_store`.

    Returns:
        uint8 RGB `[N, 3, hr_size, hr_size]`, in the order given.

    Raises:
        SourceError: a photo is gone or has changed since the catalog was made.
        OutputError: the directory has no room for them.
    """
    store = images_store((len(crops), CHANNELS, hr_size, hr_size), directory, ram_bytes)
    order = sorted(range(len(crops)), key=lambda k: (crops[k].class_index, crops[k].photo_index))
    for index in torch.tensor(order, dtype=torch.int64).split(READ_TOGETHER):
        store[index] = torch.from_numpy(read_crops(catalog, [crops[k] for k in index.tolist()], hr_size))
    return store


class SpilledImages:
    """Images in a file that has no name, so that nothing is left of it however the process ends.

    Rows are read and written; a mapped file would count as memory of the process, page by page.

    Args:
        shape: `[N, 3, H, W]`.
        directory: where the file lies.

    Raises:
        OutputError: the directory has no room for them.
    """

    def __init__(self, shape: Shape, directory: Path) -> None:
        self.shape = shape
        self._row, self._numbers = prod(shape[1:]), torch.arange(shape[0])
        try:
            self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115
            weakref.finalize(self, self._file.close)
            # A disk without room is found now, not in the middle of the run.
            os.posix_fallocate(self._file.fileno(), 0, shape[0] * self._row)
        except OSError as error:
            raise OutputError(
                f"{directory}: got no room for {shape[0] * self._row / 1e6:,.0f} MB of images that the run keeps there "
                f"while it lasts ({error.strerror or error}); make room, or lower --ipc"
            ) from error

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Rows) -> Tensor:
        """Read images, as a copy.

        Args:
            rows: as for a tensor: int64 or bool `[M]`, a slice, or a number.

        Returns:
            uint8 `[M, 3, H, W]`, or `[3, H, W]` of one number.
        """
        numbers = self._numbers[rows]
        images = torch.empty((*numbers.shape, *self.shape[1:]), dtype=torch.uint8)
        for image, number in zip(images.view(-1, *self.shape[1:]).numpy(), numbers.view(-1).tolist(), strict=True):
            _whole(os.preadv(self._file.fileno(), [image.data], number * self._row), self._row)
        return images

    def __setitem__(self, rows: Rows, images: Tensor) -> None:
        """Write images.

        Args:
            rows: as for reading.
            images: uint8, of the shape that reading gives, or one that broadcasts to it.
        """
        numbers = self._numbers[rows]
        whole = images.to("cpu", torch.uint8).expand(*numbers.shape, *self.shape[1:]).contiguous()
        for image, number in zip(whole.view(-1, *self.shape[1:]).numpy(), numbers.view(-1).tolist(), strict=True):
            _whole(os.pwrite(self._file.fileno(), image.data, number * self._row), self._row)


def _whole(done: int, wanted: int) -> None:
    if done != wanted:
        raise OSError(f"{done} of {wanted} bytes of an image that is kept on disk")
