"""GAN inversion: the latent whose image is nearest to a crop (Eq. 3-5)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.data.degradation import downscale, to_float
from gsdd.distill.chunks import chunk_indices
from gsdd.distill.deadline import Deadline
from gsdd.distill.recipe import Recipe
from gsdd.features.extractor import FeatureExtractor
from gsdd.features.normalise import normalise
from gsdd.generators.generator import Generator
from gsdd.randomness import torch_stream

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Inverted:
    """What inversion gives.

    Attributes:
        latents: z', float32 `[N, 3, h, w]` on the CPU.
        steps: Adam steps that every latent got at least; fewer than asked where a deadline came.
    """

    latents: Tensor
    steps: int


def starting_latents(crops: Tensor, scale: int, recipe: Recipe) -> Tensor:
    """Choose z before the inversion.

    Args:
        crops: HR crops x_k, uint8 `[N, 3, H, W]`.
        scale: of the generator.
        recipe: `start` and `seed`.

    Returns:
        z, float32 `[N, 3, H/scale, W/scale]`: the generator was trained to turn a down-sampled photo into the photo,
        so that is the nearest latent known without a search.
    """
    small = downscale(to_float(crops), scale)
    if recipe.start == "downscale":
        return small
    drawn = [torch.randn(small.shape[1:], generator=torch_stream(recipe.seed, "start", k)) for k in range(len(small))]
    return 0.5 + 0.1 * torch.stack(drawn)


def feature_distance(image_features: Tensor, crop_features: Tensor) -> Tensor:
    """D_f of Eq. 4, `[N, D]` and `[N, D]` to `[N]`: the squared distance over its dimension."""
    return (image_features - crop_features).square().mean(dim=1)


def pixel_distance(images: Tensor, crops: Tensor) -> Tensor:
    """D_p of Eq. 5, two times `[N, 3, H, W]` to `[N]`: the squared distance over its dimension."""
    return (images - crops).square().mean(dim=(1, 2, 3))


def invert(
    crops: Tensor,
    latents: Tensor,
    generator: Generator,
    psi: FeatureExtractor,
    recipe: Recipe,
    deadline: Deadline | None = None,
    progress: Progress | None = None,
) -> Inverted:
    """Find z' = argmin w D_f + D_p for every crop by Adam, eight latents at a time.

    Args:
        crops: HR crops x_k, uint8 `[N, 3, H, W]`.
        latents: where to start, float32 `[N, 3, h, w]`.
        generator: G, frozen.
        psi: the extractor of D_f.
        recipe: `inversion_steps`, `inversion_lr` and `inversion_features`.
        deadline: when to stop; every chunk gets an equal share of the time.
        progress: called with latent steps done, latent steps in all, and the mean loss of the chunk.

    Returns:
        z' and the steps that were made.

    Source: GSDD paper, Eq. 3-5; Creswell and Bharath 2019.
    """
    deadline = deadline or Deadline()
    inverted, fewest = latents.clone(), recipe.inversion_steps
    chunks = list(chunk_indices(torch.arange(len(crops))))
    for number, (index, real) in enumerate(chunks):
        share = deadline.share(1 / (len(chunks) - number))
        search = _ChunkInversion(crops[index], latents[index], generator, psi, recipe)
        steps = 0
        while steps < recipe.inversion_steps and not share.passed(search.step_seconds):
            loss = search.step()
            steps += 1
            if progress:
                progress(number * recipe.inversion_steps + steps, len(chunks) * recipe.inversion_steps, loss)
        inverted[index[:real]] = search.latents[:real]
        fewest = min(fewest, steps)
    return Inverted(inverted, fewest)


class _ChunkInversion:
    def __init__(
        self, crops: Tensor, latents: Tensor, generator: Generator, psi: FeatureExtractor, recipe: Recipe
    ) -> None:
        device = generator.device
        self._generator, self._psi, self._feature_weight = generator, psi, recipe.inversion_features
        self._crops = to_float(crops).to(device)
        self._crop_features = psi(normalise(self._crops)) if self._feature_weight else None
        self._z = latents.clone().to(device).requires_grad_(True)
        self._adam = torch.optim.Adam([self._z], lr=recipe.inversion_lr)
        self.step_seconds = 0.0

    @property
    def latents(self) -> Tensor:
        return self._z.detach().cpu()

    def step(self) -> float:
        began = time.monotonic()
        images = self._generator(self._z)
        loss = pixel_distance(images, self._crops)
        if self._crop_features is not None:
            features = self._psi(normalise(images))
            loss = loss + self._feature_weight * feature_distance(features, self._crop_features)
        self._adam.zero_grad()
        loss.sum().backward()
        self._adam.step()
        self.step_seconds = time.monotonic() - began
        return float(loss.detach().mean())
