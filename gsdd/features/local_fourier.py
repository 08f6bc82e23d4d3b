"""Random local Fourier features: the empirical characteristic function of a picture's local patches."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from gsdd.features.normalisation import MEAN, STD
from gsdd.kernels.augment.plan import Planned
from gsdd.kernels.augmentation import Augmentation
from gsdd.kernels.backend import Backend
from gsdd.kernels.class_statistics import class_statistics
from gsdd.kernels.class_statistics.filter_bank import Products
from gsdd.kernels.upload import uploaded
from gsdd.randomness import torch_stream

PATCH = 7
STRIDE = 3
# Norms of the filters, 0.22 to 7.1: from where the cosine is nearly linear in a patch to where it tells textures apart.
LOG10_SCALES = (-0.65, 0.85)


@dataclass(frozen=True)
class LocalFourier:
    """psi_d(x) = mean over 7x7 patches p of sqrt(2) cos(w_d . p + b_d).

    Attributes:
        frequencies: w, `[D, 3, 7, 7]`, each of zero mean.
        phases: b, `[D]`, in [0, 2 pi).
        backend: of `class_statistics`.
        products: of its kernels.
    """

    frequencies: Tensor
    phases: Tensor
    backend: Backend = "auto"
    products: Products = "fp32"

    def __call__(self, images: Tensor, omega: Augmentation | Planned | None = None) -> Tensor:
        """Embed RGB images `[N, 3, H, W]` as `[N, D]`, each value in [-sqrt(2), sqrt(2)]."""
        return self.class_means(images, (1,) * len(images), omega or Planned.identity(images))

    def class_means(self, images: Tensor, counts: tuple[int, ...], omega: Augmentation | Planned) -> Tensor:
        """Embed images and average the features of each class, `[C, D]`, in one op."""
        return class_statistics(
            images, omega, self.frequencies, self.phases, counts,
            stride=STRIDE, mean=MEAN, std=STD, products=self.products, backend=self.backend,
        )  # fmt: skip

    @property
    def bytes(self) -> int:
        """What theta takes."""
        return self.frequencies.nbytes + self.phases.nbytes

    def in_bf16(self) -> "LocalFourier":
        """Return it with products in TF32 where kernels run: bf16 would move the phase of the largest filters."""
        return self._rounded

    @cached_property
    def _rounded(self) -> "LocalFourier":
        return replace(self, products="tf32")


def draw_local_fourier(
    filters: int, device: torch.device, seed: int, purpose: str, number: int, backend: Backend = "auto"
) -> LocalFourier:
    """Draw theta = (w, b).

    Args:
        filters: D, at least 1.
        device: where theta shall lie.
        seed: the run's seed.
        purpose: what the draw is for.
        number: which draw.
        backend: of the op.

    Returns:
        psi with this theta.

    Source: random Fourier features, Rahimi and Recht, NIPS 2007; local patches for SR condensation, Peng et al.,
    arXiv 2505.21099.
    """
    stream = torch_stream(seed, purpose, number)
    directions = torch.randn(filters, 3 * PATCH * PATCH, generator=stream)
    directions = directions - directions.mean(dim=1, keepdim=True)
    low, high = LOG10_SCALES
    scales = 10 ** (low + (high - low) * torch.rand(filters, 1, generator=stream))
    phases = 2 * math.pi * torch.rand(filters, generator=stream)
    frequencies = (scales * F.normalize(directions, dim=1)).view(filters, 3, PATCH, PATCH)
    return LocalFourier(uploaded(frequencies, device), uploaded(phases, device), backend)
