"""Eq. 9 as a function of the images of the latents that move."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gsdd.data.image_store import Images
from gsdd.distill.bank import Bank, DistillationSource, Draw
from gsdd.distill.embedding import class_index
from gsdd.distill.moving import Moving
from gsdd.kernels.matching import matching
from gsdd.kernels.upload import uploaded
from gsdd.parallel.workers import Workers
from gsdd.recipe import Recipe


class Objective:
    """The loss of a step and its gradient in the images.

    Args:
        source: classes and pairs.
        bank: draws of (theta, omega).
        recipe: lambda, and draws a step.
        workers: the processes that share out the images.
        weight: of the loss.
    """

    def __init__(
        self, source: DistillationSource, bank: Bank, recipe: Recipe, workers: Workers, weight: float = 1.0
    ) -> None:
        self._source, self._bank, self._recipe, self._workers = source, bank, recipe, workers
        self._weight = weight
        self._classes = class_index(source.counts)

    def backward(self, images: Sequence[Tensor], moving: Moving, number: int, pictures: Images | None) -> Tensor:
        """Add dL/dHR, averaged over the draws of a step, to the images' gradients.

        Args:
            images: of this process's chunks of the moving latents, floating `[CHUNK, 3, H, W]`, leaves.
            moving: the latents.
            number: of the step.
            pictures: the last image of every latent, uint8 `[N, 3, H, W]`: those at rest stand for themselves in the
                class mean. None: the mean is that of the moving latents alone.

        Returns:
            The loss, float64, where it was computed.

        Source: GSDD paper, Eq. 7-9.
        """
        draws = self._recipe.matching.draws
        numbers = range(number * draws, (number + 1) * draws)
        losses = [self._backward_of(self._bank[k], images, moving, pictures) for k in numbers]
        return torch.stack(losses).double().sum()

    def _backward_of(self, draw: Draw, images: Sequence[Tensor], moving: Moving, pictures: Images | None) -> Tensor:
        classes = moving.deal(self._classes[moving.index], self._workers)
        features = [draw.embedding(image, own) for image, own in zip(images, classes, strict=True)]
        leaf = moving.gather(self._workers, features).requires_grad_(True)
        loss = self._loss(draw, leaf, moving, pictures) * (self._weight / self._recipe.matching.draws)
        loss.backward()
        if leaf.grad is not None:
            for feature, gradient in zip(features, moving.deal(leaf.grad, self._workers), strict=True):
                feature.backward(gradient)
        return loss.detach()

    def _loss(self, draw: Draw, features: Tensor, moving: Moving, pictures: Images | None) -> Tensor:
        lam, counts = self._recipe.matching.lam, moving.counts
        pairs = draw.pair_features(moving.index) if lam else None
        resting = moving.resting(len(self._classes))
        if pictures is not None and len(resting):
            others = draw.embedding.embed_crops(pictures, self._classes, resting)
            order, counts = torch.cat([moving.index, resting]).argsort(), self._source.counts
            order = uploaded(order, features.device)
            features = torch.cat([features, others])[order]
            # Those at rest are constants in R as in L_dis: paired with themselves they add nothing to its mean.
            pairs = None if pairs is None else torch.cat([pairs, others])[order]
        return matching(features, counts, draw.real_means, pairs, lam, backend=draw.embedding.backend).total
