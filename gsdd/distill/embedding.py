"""One draw of (theta, omega): the embedded space psi_theta(A(., omega)) in which Eq. 7 and 8 compare images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.data.degradation import to_float
from gsdd.features.extractor import FeatureExtractor
from gsdd.features.normalise import normalise
from gsdd.kernels.augment import augment
from gsdd.kernels.augmentation import Augmentation
from gsdd.kernels.matching import class_means


@dataclass(frozen=True)
class Embedding:
    """psi_theta(A(., omega_c)), siamese: real and synthetic images of a class share omega_c.

    Attributes:
        psi: psi with its theta.
        omega: one row a class.
        device: where it computes.
    """

    psi: FeatureExtractor
    omega: Augmentation
    device: torch.device

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """Embed images.

        Args:
            images: RGB in [0, 1], float32 `[N, 3, H, W]`; gradient flows to them.
            classes: class of each image, int64 `[N]`.

        Returns:
            Features `[N, D]`.
        """
        omega = self.omega.take(classes).to(self.device)
        return self.psi(augment(normalise(images.to(self.device)), omega))

    @torch.no_grad()
    def embed_crops(self, crops: Tensor, class_index: int, batch: int) -> Tensor:
        """Embed stored crops of one class.

        Args:
            crops: uint8 `[M, 3, H, W]`.
            class_index: their class.
            batch: images that are embedded at a time, at least 1.

        Returns:
            Features `[M, D]`.
        """
        parts = [self(to_float(part), torch.full((len(part),), class_index)) for part in crops.split(batch)]
        return torch.cat(parts)

    def real_means(self, real: tuple[Tensor, ...], batch: int) -> Tensor:
        """Average the embedded real crops of each class: the first term of Eq. 7.

        Args:
            real: uint8 `[M_c, 3, H, W]` a class.
            batch: images that are embedded at a time, at least 1.

        Returns:
            Means `[C, D]`.
        """
        features = [self.embed_crops(crops, number, batch) for number, crops in enumerate(real)]
        return class_means(torch.cat(features), tuple(map(len, features)))
