"""What a run makes latents of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gsdd.data.catalog import Catalog
from gsdd.data.crops import Crop
from gsdd.data.decisions import conversions, dropped, ignored, skipped
from gsdd.distill.budget import Budget
from gsdd.distill.embedding import class_index
from gsdd.formats.container import ContainerName
from gsdd.formats.manifest import Manifest


@dataclass(frozen=True)
class Chosen:
    """What a run makes latents of, known before its search.

    Attributes:
        catalog: the usable photos.
        counts: latents of each class.
        crops: x_k, one a latent, class after class.
        manifest: what the file will say, but for what comes of the run.
        container: of the file.
        budget: the bytes that the file is to have; None where latents are stored at the recipe's step.
    """

    catalog: Catalog
    counts: tuple[int, ...]
    crops: tuple[Crop, ...]
    manifest: Manifest
    container: ContainerName
    budget: Budget | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the classes, in file order."""
        return tuple(each.name for each in self.catalog.classes)

    @property
    def class_index(self) -> Tensor:
        """Return the class of each latent, int64 `[N]`."""
        return class_index(self.counts)

    @property
    def photo_index(self) -> NDArray[np.int32]:
        """Return for each latent the photo of its crop, counted within its class, int32 `[N]`."""
        return np.array([crop.photo_index for crop in self.crops], dtype=np.int32)

    def to_dict(self) -> dict[str, Any]:
        """Return what a report says of the photos and classes, as JSON has it."""
        return {
            "latents": len(self.crops),
            "classes": dict(zip(self.class_names, self.counts, strict=True)),
            "images": self.catalog.images,
            "skipped": skipped(self.catalog),
            "dropped": dropped(self.catalog),
            "ignored": ignored(self.catalog),
            "conversions": conversions(self.catalog),
        }
