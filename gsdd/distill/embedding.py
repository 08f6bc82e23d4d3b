"""One draw of (theta, omega): the embedded space psi_theta(A(., omega)) in which Eq. 7 and 8 compare images."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.data.image_store import Images
from gsdd.features.extractor import FeatureExtractor
from gsdd.kernels.augmentation import Augmentation
from gsdd.kernels.backend import Backend
from gsdd.kernels.matching import class_means
from gsdd.parallel.chunks import CROPS, mapped
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
            classes: class of each image, int64 `[N]`.

        Returns:
            Features `[N, D]`.
        """
        return self.psi(images.to(self.device), self.omega.take(classes))

    @torch.no_grad()
    def embed_crops(self, crops: Images, classes: Tensor, numbers: Tensor) -> Tensor:
        """Embed some of the stored crops; every process of the run calls this, and has the result.

        Args:
            crops: uint8 `[N, 3, H, W]`, on the CPU.
            classes: class of each crop, int64 `[N]`.
            numbers: which crops, int64 `[M]`, M at least 1.

        Returns:
            Features `[M, D]`.
        """

        def embed(index: Tensor) -> Tensor:
            return self(crops[numbers[index]], classes[numbers[index]])

        return mapped(embed, len(numbers), CROPS, self.workers)

    def real_means(self, real: Sequence[Tensor]) -> Tensor:
        """Average the embedded real crops of each class: the first term of Eq. 7.

        Args:
            real: uint8 `[M_c, 3, H, W]` a class.

        Returns:
            Means `[C, D]`.
        """
        counts = tuple(map(len, real))
        features = self.embed_crops(torch.cat(list(real)), class_index(counts), torch.arange(sum(counts)))
        return class_means(features, counts, backend=self.backend)


def class_index(counts: tuple[int, ...]) -> Tensor:
    """Number the classes of images that stand class after class.

    Args:
        counts: images a class.

    Returns:
        Class of each image, int64 `[sum of counts]`.
    """
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
