"""w D_f + D_p (Eq. 3) of a chunk, as the search calls it: at each step, with new latents and the same shapes."""

from collections.abc import Callable

import torch
from torch import Tensor

from gsdd.distill.distances import feature_distance, pixel_distance
from gsdd.distill.run import Run
from gsdd.features.extractor import FeatureExtractor
from gsdd.parallel.graphs import graphed


class Criterion:
    """What the inversion minimises; on a GPU each precision is recorded once and replayed from then on.

    Args:
        psi: the extractor of D_f.
        run: its generator, and of its recipe the weight of D_f.
    """

    def __init__(self, psi: FeatureExtractor, run: Run) -> None:
        self._psi, self._run, self._weight = psi, run, run.recipe.inversion.feature_weight
        self._recorded: tuple[bool, Callable[..., Tensor]] | None = None

    def features(self, crops: Tensor) -> Tensor:
        """Embed the crops, `[N, D]`; `[N, 0]` where D_f has no weight."""
        return self._psi(crops) if self._weight else crops.new_empty(len(crops), 0)

    def __call__(self, bf16: bool, z: Tensor, crops: Tensor, crop_features: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the loss of each latent and its gradient.

        Args:
            bf16: whether G computes in that.
            z: latents, float32 `[CHUNK, 3, h, w]`.
            crops: x_k, float32 `[CHUNK, 3, H, W]`.
            crop_features: `features` of the crops.

        Returns:
            Losses `[CHUNK]` and dL/dz, until the next call.

        Source: GSDD paper, Eq. 3-5.
        """
        z = z.detach().requires_grad_(True)
        losses = self._of(bf16, z, crops, crop_features)(z, crops, crop_features)
        (gradient,) = torch.autograd.grad(losses.sum(), z)
        return losses.detach(), gradient

    def _of(self, bf16: bool, *sample: Tensor) -> Callable[..., Tensor]:
        if self._recorded is None or self._recorded[0] != bf16:
            self._recorded = None  # what one precision keeps is free before the other is recorded
            network = self._run.generator.search_form(bf16, len(sample[0]), sample[0].shape[2], self._run.backend)

            def losses(z: Tensor, crops: Tensor, crop_features: Tensor) -> Tensor:
                images = network(z)
                loss = pixel_distance(images, crops)
                if self._weight:
                    loss = loss + self._weight * feature_distance(self._psi(images), crop_features)
                return loss

            self._recorded = bf16, graphed(losses, *sample)
        return self._recorded[1]
