"""One draw of (theta, omega): the embedded space psi_theta(A(., omega)) in which Eq. 7 and 8 compare images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gsdd.data.image_store import Images
from gsdd.features.extractor import FeatureExtractor
from gsdd.kernels.augment.plan import Planned
from gsdd.kernels.augmentation import Augmentation
from gsdd.kernels.backend import Backend
from gsdd.kernels.matching import class_means
from gsdd.kernels.upload import uploaded
from gsdd.parallel.chunks import crops_of, mapped
from gsdd.parallel.rows import taken
from gsdd.parallel.workers import ALONE, Workers


@dataclass(frozen=True)
class Embedding:
    """psi_theta(A(., omega_c)), siamese: real and synthetic images of a class share omega_c.

    Attributes:
        psi: psi with its theta.
        omega: one row a class.
        device: where it computes.
        backend: of the ops, as in `gsdd.kernels.backend`.
        workers: the processes that share out stored crops.
    """

    psi: FeatureExtractor
    omega: Augmentation
    device: torch.device
    backend: Backend = "auto"
    workers: Workers = ALONE

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """Embed images.

        Args:
            images: RGB, floating in [0, 1] or uint8, `[N, 3, H, W]`; gradient flows to floating ones.
            classes: class of each image, int64 `[N]`, on the CPU.

        Returns:
            Features `[N, D]`.
        """
        images = uploaded(images, self.device)
        return self.psi(images, self._plan(images).take(uploaded(classes, self.device)))

    def _plan(self, images: Tensor) -> Planned:
        """Work omega out, once for all images of a size."""
        size = images.shape[2], images.shape[3]
        dtype = torch.float64 if images.dtype == torch.float64 else torch.float32
        if (size, dtype) not in self._plans:
            self._plans[size, dtype] = Planned.of(self.omega, size, self.device, dtype)
        return self._plans[size, dtype]

    @cached_property
    def _plans(self) -> dict[tuple[tuple[int, int], torch.dtype], Planned]:
        return {}

    @torch.no_grad()
    def embed_crops(self, crops: Images, classes: Tensor, numbers: Tensor) -> Tensor:
        """Embed some of the stored crops; every process of the run calls this, and has the result.

        Args:
            crops: `[N, 3, H, W]`, uint8 or floating point in [0, 1], on the CPU or the device.
            classes: class of each crop, int64 `[N]`.
            numbers: which crops, int64 `[M]`, M at least 1.

        Returns:
            Features `[M, D]`.
        """

        def embed(index: Tensor) -> Tensor:
            return self(taken(crops, numbers[index]), classes[numbers[index]])

        return mapped(embed, len(numbers), crops_of(self.device), self.workers)

    @torch.no_grad()
    def real_means(self, real: Sequence[Tensor]) -> Tensor:
        """Average the embedded real crops of each class: the first term of Eq. 7.

        Args:
            real: uint8 `[M_c, 3, H, W]` a class.

        Returns:
            Means `[C, D]`.
        """
        counts, crops = tuple(map(len, real)), torch.cat(list(real))
        classes = class_index(counts)
        if self.device.type == "cuda":
            # All of them in each process: what a sum adds up first must not depend on how many there are.
            crops = uploaded(crops, self.device)
            return self.psi.class_means(crops, counts, self._plan(crops).take(uploaded(classes, self.device)))
        features = self.embed_crops(crops, classes, torch.arange(sum(counts)))
        return class_means(features, counts, backend=self.backend)


def class_index(counts: tuple[int, ...]) -> Tensor:
    """Number the classes of images that stand class after class.

    Args:
        counts: images a class.

    Returns:
        Class of each image, int64 `[sum of counts]`.
    """
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
