"""A cell that stores random crops as AVIF in the bytes of a `.gsdd` file, and keeps what comes back."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from gsdd.data.crops import Crop, latents_per_class, plan_crops, read_crops
from gsdd.errors import OutputError
from gsdd.formats.atomic import write_atomically
from gsdd.formats.opening import read_whole
from gsdd.recipe import DEFAULT_IPC
from gsdd.study.avif import Stored, fitting
from gsdd.study.cells import Cell, Result, Workshop
from gsdd.study.making import DistillationCell

# Crops that are offered to the codec, as multiples of the latents; until not all fit.
OFFERS = (2, 8, 32)
# Steps of quality where no crop fits.
WORSE = 5
MOST_BYTES = 1 << 32


@dataclass(frozen=True)
class StoredCell:
    """The storing of random crops.

    Attributes:
        distilled: makes the file that has the bytes; its seed draws the crops.
        quality: of AVIF, 0 to 100.
        more: bytes beyond those of the file, such as its generator's.
    """

    distilled: DistillationCell
    quality: int
    more: int = 0

    SUFFIX: ClassVar[str] = ".safetensors"

    @property
    def name(self) -> str:
        """What it is, in letters that file names may have."""
        more = f"-and-{self.more}" if self.more else ""
        return f"avif{self.quality}-bytes-of-{self.distilled.name}{more}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its result."""
        more = {"more": self.more} if self.more else {}
        return {"makes": "avif", "quality": self.quality, "bytes of": self.distilled.identity, **more}

    @property
    def needs(self) -> tuple[Cell, ...]:
        """The making of the file that has the bytes."""
        return (self.distilled,)

    def run(self, workshop: Workshop) -> Result:
        """Store as many crops as fit, and keep their images as decoded."""
        began = time.monotonic()
        budget = workshop.made_file(self.distilled, DistillationCell.SUFFIX).stat().st_size + self.more
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

    def _fitting(self, budget: int) -> tuple[list[Crop], Stored]:
        catalog, hr_size = self.distilled.photos.catalog, self.distilled.recipe.crops.hr_size
        for factor in OFFERS:
            crops = self._dealt(factor)
            stored = self._stored(torch.from_numpy(read_crops(catalog, crops, hr_size)), budget)
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

    def _dealt(self, factor: int) -> list[Crop]:
        """Deal crops class by class in turn, so that the first ones of any count are spread over the classes."""
        catalog, recipe = self.distilled.photos.catalog, self.distilled.recipe
        counts = [count * factor for count in latents_per_class(catalog, recipe.crops.ipc or DEFAULT_IPC)]
        plan = plan_crops(catalog, counts, recipe.crops.hr_size, recipe.seed)
        places = np.arange(len(plan)).reshape(len(counts), -1).T.ravel()
        return [plan[place] for place in places]
