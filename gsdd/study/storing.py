"""A cell that stores random crops as AVIF in the bytes of a `.gsdd` file, and keeps what comes back."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from gsdd.baselines.avif import Stored, fitting
from gsdd.data.crops import Crop, plan_crops, read_crops
from gsdd.errors import OutputError
from gsdd.formats.atomic import write_atomically
from gsdd.study.cells import Cell, Result, Workshop
from gsdd.study.making import DistillationCell

# Crops that are offered to the codec, as multiples of the latents; until not all fit.
OFFERS = (2, 8, 32)
# Steps of quality where no crop fits.
WORSE = 5


@dataclass(frozen=True)
class StoredCell:
    """The storing of random crops.

    Attributes:
        rival: whose file has the bytes, and whose seed draws the crops.
        quality: of AVIF, 0 to 100.
        more: bytes beyond those of the file, such as its generator's.
    """

    rival: DistillationCell
    quality: int
    more: int = 0

    SUFFIX: ClassVar[str] = ".safetensors"

    @property
    def name(self) -> str:
        """What it is, in letters that file names may have."""
        more = f"-and-{self.more}" if self.more else ""
        return f"avif{self.quality}-bytes-of-{self.rival.name}{more}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its result."""
        more = {"more": self.more} if self.more else {}
        return {"makes": "avif", "quality": self.quality, "bytes of": self.rival.identity, **more}

    @property
    def needs(self) -> tuple[Cell, ...]:
        """The making of the rival's file."""
        return (self.rival,)

    def run(self, workshop: Workshop) -> Result:
        """Store as many crops as fit, and keep their images as decoded."""
        began = time.monotonic()
        budget = workshop.made_file(self.rival, DistillationCell.SUFFIX).stat().st_size + self.more
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
            tensors = load(path.read_bytes())
            return tensors["images"], tensors["classes"].tolist(), int(tensors["bytes"][0])
        except (OSError, SafetensorError, KeyError) as error:
            raise OutputError(
                f"{path}: cannot be read ({error}); remove {workshop.result_file(self)} to make it again"
            ) from error

    def _fitting(self, budget: int) -> tuple[list[Crop], Stored]:
        for crops in self._more_and_more():
            pixels = torch.from_numpy(read_crops(self.rival.photos.catalog, crops, self.rival.hr_size))
            stored = self._stored(pixels, budget)
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

    def _more_and_more(self) -> Iterator[list[Crop]]:
        """Deal crops class by class in turn, so that the first ones of any count are spread over the classes."""
        rival = self.rival
        for factor in OFFERS:
            counts = [rival.ipc * factor] * len(rival.photos.catalog.classes)
            plan = plan_crops(rival.photos.catalog, counts, rival.hr_size, rival.seed)
            places = np.arange(len(plan)).reshape(len(counts), -1).T.ravel()
            yield [plan[place] for place in places]
