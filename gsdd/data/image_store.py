"""Images that a run keeps, in a temporary file."""

import tempfile
import weakref
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from gsdd.data.catalog import Catalog
from gsdd.data.crops import Crop, read_crops
from gsdd.errors import OutputError
from gsdd.formats.atomic import reserve

READ_TOGETHER = 256


class ImageStore:
    """Images in a temporary file, black at first, of which memory holds what is being read or written.

    Each image is mapped by itself: what stays mapped counts as memory of the process, page by page.

    Args:
        shape: `[N, 3, H, W]`.
        directory: where the file lies, until the process ends: beside the output, since /tmp may be memory.
        dtype: uint8, or float32 for images in [0, 1].

    Raises:
        OutputError: the directory has no room for them.
    """

    def __init__(self, shape: tuple[int, int, int, int], directory: Path, dtype: torch.dtype = torch.uint8) -> None:
        self.shape, self.dtype, self._numbers = shape, dtype, torch.arange(shape[0])
        size = prod(shape) * dtype.itemsize
        try:
            self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115
            weakref.finalize(self, self._file.close)
            reserve(self._file, directory, size)
            self._file.truncate(size)
        except OSError as error:
            raise OutputError(
                f"{directory}: no room for {size / 1e6:,.0f} MB of images that the run keeps there while it "
                f"lasts ({error.strerror or error}); make room, or lower `ipc`"
            ) from error

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Tensor | slice | int) -> Tensor:
        """Read images, as a copy, indexed as a tensor is."""
        numbers = self._numbers[rows]
        images = torch.empty((*numbers.shape, *self.shape[1:]), dtype=self.dtype)
        for image, number in zip(images.view(-1, *self.shape[1:]), numbers.view(-1).tolist(), strict=True):
            image.copy_(self._mapped(number))
        return images

    def __setitem__(self, rows: Tensor | slice | int, images: Tensor) -> None:
        """Write images, indexed as a tensor is."""
        numbers = self._numbers[rows]
        whole = images.to("cpu", self.dtype).expand(*numbers.shape, *self.shape[1:])
        for image, number in zip(whole.reshape(-1, *self.shape[1:]), numbers.view(-1).tolist(), strict=True):
            self._mapped(number).copy_(image)

    def _mapped(self, number: int) -> Tensor:
        row, kind = self.shape[1:], np.uint8 if self.dtype == torch.uint8 else np.float32
        return torch.from_numpy(np.memmap(self._file, kind, "r+", number * prod(row) * self.dtype.itemsize, row))


Images: TypeAlias = Tensor | ImageStore


def stored_crops(catalog: Catalog, crops: Sequence[Crop], hr_size: int, directory: Path) -> ImageStore:
    """Read crops into a store, few at a time, those of a photo together.

    Args:
        catalog: the source photos.
        crops: any crops of these photos.
        hr_size: side of a crop in pixels.
        directory: where they may be kept, as for `ImageStore`.

    Returns:
        RGB `[N, 3, hr_size, hr_size]`, in the order given: uint8, or float32 where a photo has more bits.

    Raises:
        SourceError: a photo is gone or has changed since the catalog was made.
        OutputError: the directory has no room for them.
    """
    dtype = torch.uint8 if catalog.bits == 8 else torch.float32
    store = ImageStore((len(crops), 3, hr_size, hr_size), directory, dtype)
    order = sorted(range(len(crops)), key=lambda k: (crops[k].class_index, crops[k].photo_index))
    for index in torch.tensor(order, dtype=torch.int64).split(READ_TOGETHER):
        some = [crops[k] for k in index.tolist()]
        store[index] = torch.from_numpy(read_crops(catalog, some, hr_size, in_full=True))
    return store
