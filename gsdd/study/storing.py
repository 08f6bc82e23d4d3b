"""A cell that stores real crops as AVIF in so many bytes, and keeps what comes back."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from gsdd.data.crops import Crop, read_crops
from gsdd.distill.budget import latents_for
from gsdd.errors import OutputError
from gsdd.formats.atomic import write_atomically
from gsdd.formats.opening import read_whole
from gsdd.recipe import StartingCrops
from gsdd.selection.starting import starting_crops
from gsdd.study.avif import Stored, fitting
from gsdd.study.cells import Cell, Result, Workshop
from gsdd.study.making import DistillationCell
from gsdd.study.photos import Photos

# Crops that are offered to the codec, as multiples of the latents of a file of this size; until not all fit.
OFFERS = (2, 8, 32)
# Steps of quality where no crop fits.
WORSE = 5
MOST_BYTES = 1 << 32


@dataclass(frozen=True)
class StoredCell:
    """The storing of real crops: as many as some bytes hold, herded ones in the order that herding takes them.

    Attributes:
        photos: the source.
        hr_size: side of a crop in pixels.
        seed: draws the crops.
        method: how they are chosen, as the crops that latents begin from are.
        quality: of AVIF, 0 to 100.
        room: bytes; or what makes the file that has them.
        more: bytes beyond those, such as the generator's.
    """

    photos: Photos
    hr_size: int
    seed: int
    method: StartingCrops
    quality: int
    room: int | DistillationCell
    more: int = 0

    SUFFIX: ClassVar[str] = ".safetensors"

    @property
    def name(self) -> str:
        """What it is, in letters that file names may have."""
        room = f"{self.room}bytes" if isinstance(self.room, int) else f"bytes-of-{self.room.name}"
        more = f"-and-{self.more}" if self.more else ""
        return f"avif{self.quality}-{self.method}-draw{self.seed}-{room}{more}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its result."""
        room = self.room if isinstance(self.room, int) else self.room.identity
        crops = {"crops": self.method, "hr_size": self.hr_size, "seed": self.seed, "train": self.photos.sha256}
        return {"makes": "avif", "quality": self.quality, "room": room, "more": self.more, **crops}

    @property
    def needs(self) -> tuple[Cell, ...]:
        """The making of the file that has the bytes."""
        return () if isinstance(self.room, int) else (self.room,)

    def run(self, workshop: Workshop) -> Result:
        """Store as many crops as fit, and keep their images as decoded."""
        began = time.monotonic()
        budget = self._room(workshop) + self.more
        crops, stored = self._fitting(budget)
        tensors = {
            "images": stored.images.numpy(),
            "classes": np.array([crop.class_index for crop in crops], dtype=np.int64),
            "bytes": np.array([stored.bytes], dtype=np.int64),
        }
        write_atomically(workshop.made_file(self, self.SUFFIX), save(tensors), force=True)
        return {
            "crops": stored.count,
            "bytes": stored.bytes,
            "budget": budget,
            "seconds": time.monotonic() - began,
        }

    def read(self, workshop: Workshop) -> tuple[NDArray[np.uint8], Sequence[int], int]:
        """Give the images, uint8 RGB `[N, 3, H, W]`, their classes' numbers, and the bytes that AVIF took.

        Raises:
            OutputError: the file is gone or damaged.
        """
        path = workshop.made_file(self, self.SUFFIX)
        try:
            tensors = load(read_whole(path, MOST_BYTES))
            return tensors["images"], tensors["classes"].tolist(), int(tensors["bytes"][0])
        except (OSError, SafetensorError, KeyError) as error:
            raise OutputError(
                f"{path}: cannot be read ({error}); remove {workshop.result_file(self)} to make it again"
            ) from error

    def _room(self, workshop: Workshop) -> int:
        if isinstance(self.room, int):
            return self.room
        return workshop.made_file(self.room, DistillationCell.SUFFIX).stat().st_size

    def _fitting(self, budget: int) -> tuple[list[Crop], Stored]:
        for factor in OFFERS:
            crops = self._dealt(factor * latents_for(budget, len(self.photos.catalog.classes), self.hr_size))
            stored = self._stored(torch.from_numpy(read_crops(self.photos.catalog, crops, self.hr_size)), budget)
            if stored.count < len(crops):
                break
        return crops[: stored.count], stored

    def _stored(self, pixels: torch.Tensor, budget: int) -> Stored:
        """Store at the quality, or where no crop fits at the highest below it at which one does."""
        for quality in range(self.quality, -1, -WORSE):
            stored = fitting(pixels, budget, quality)
            if stored.count:
                break
        return stored

    def _dealt(self, each: int) -> list[Crop]:
        """Deal crops class by class in turn, so that the first ones of any count are spread over the classes."""
        catalog, counts = self.photos.catalog, [each] * len(self.photos.catalog.classes)
        plan = starting_crops(catalog, counts, self.hr_size, self.seed, self.method)
        places = np.arange(len(plan)).reshape(len(counts), -1).T.ravel()
        return [plan[place] for place in places]
