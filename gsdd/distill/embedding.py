"""One draw of (theta, omega): the embedded space psi_theta(A(., omega)) in which Eq. 7 and 8 compare images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.features.extractor import FeatureExtractor
from gsdd.kernels.augmentation import Augmentation
from gsdd.kernels.backend import Backend
from gsdd.kernels.matching import class_means


@dataclass(frozen=True)
class Embedding:
    """psi_theta(A(., omega_c)), siamese: real and synthetic images of a class share omega_c.

    Attributes:
        psi: psi with its theta.
        omega: one row a class.
        device: where it computes.
        backend: of the ops, as in `gsdd.kernels.backend`.
    """

    psi: FeatureExtractor
    omega: Augmentation
    device: torch.device
    backend: Backend = "auto"

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
    def embed_crops(self, crops: Tensor, classes: Tensor, batch: int) -> Tensor:
        """Embed stored crops.

        Args:
            crops: uint8 `[M, 3, H, W]`.
            classes: class of each crop, int64 `[M]`.
            batch: images that are embedded at a time, at least 1.

        Returns:
            Features `[M, D]`.
        """
        parts = zip(crops.split(batch), classes.split(batch), strict=True)
        return torch.cat([self(images, numbers) for images, numbers in parts])

    def real_means(self, real: tuple[Tensor, ...], batch: int) -> Tensor:
        """Average the embedded real crops of each class: the first term of Eq. 7.

        Args:
            real: uint8 `[M_c, 3, H, W]` a class.
            batch: images that are embedded at a time, at least 1.

        Returns:
            Means `[C, D]`.
        """
        counts = tuple(map(len, real))
        features = self.embed_crops(torch.cat(real), class_index(counts), batch)
        return class_means(features, counts, backend=self.backend)


def class_index(counts: tuple[int, ...]) -> Tensor:
    """Number the classes of images that stand class after class.

    Args:
        counts: images a class.

    Returns:
        Class of each image, int64 `[sum of counts]`.
    """
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
