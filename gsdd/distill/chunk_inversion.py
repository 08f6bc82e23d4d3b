"""The inversion of one chunk of latents: Adam on w D_f + D_p (Eq. 3-5)."""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.data.degradation import to_float, to_uint8
from gsdd.distill.adam import AdamState, adam_state, restore_adam
from gsdd.distill.coding import Coding
from gsdd.distill.distances import feature_distance, pixel_distance
from gsdd.distill.run import Run
from gsdd.features.extractor import FeatureExtractor

# Of a frozen network, in forward passes.
BACKWARD_AND_FORWARD = 2


@dataclass(frozen=True)
class BegunChunk:
    """A chunk on its way.

    Attributes:
        adam: its latents, as one parameter `[1, CHUNK, 3, h, w]`.
        error_start: mean squared error of the uint8 G(z) to its crop before the first step, float64 `[CHUNK]`.
    """

    adam: AdamState
    error_start: Tensor


class ChunkInversion:
    """A chunk under Adam; tells the mean loss of its last step, and how long that took or, before it, will about take.

    Args:
        crops: x_k, uint8 `[CHUNK, 3, H, W]`.
        latents: z before the first step, float32 `[CHUNK, 3, h, w]`.
        psi: the extractor of D_f.
        run: its generator, and of its recipe the learning rate and the weight of D_f.
        coding: the codec in the loop; None without one.
    """

    def __init__(
        self,
        crops: Tensor,
        latents: Tensor,
        psi: FeatureExtractor,
        run: Run,
        coding: Coding | None = None,
    ) -> None:
        generator, recipe = run.generator, run.recipe.inversion
        self._backend, self._generator, self._psi, self._coding = run.backend, generator, psi, coding
        self._feature_weight = recipe.feature_weight
        self._pixels, self._crops = crops, to_float(crops).to(generator.device)
        self._crop_features = psi(self._crops) if self._feature_weight else None
        self._z = latents.clone().to(generator.device).requires_grad_(True)
        self._adam = torch.optim.Adam([self._z], lr=recipe.lr)
        began = time.monotonic()
        self.error_start = self._error()
        self.loss, self.step_seconds = math.nan, BACKWARD_AND_FORWARD * (time.monotonic() - began)

    @property
    def adam(self) -> AdamState:
        """Return where Adam stands."""
        return adam_state([self._z], self._adam)

    def restore(self, begun: BegunChunk) -> None:
        """Go on from where this chunk stood."""
        restore_adam([self._z], self._adam, begun.adam)
        self.error_start = begun.error_start

    def step(self, bf16: bool, number: int) -> None:
        """Move the latents once; bf16 says whether G computes in that, number which step it is, from 0."""
        began = time.monotonic()
        network = self._generator.frozen_bf16 if bf16 else self._generator.frozen
        stored = self._coding.begin(self._z, number) if self._coding else None
        images = network(self._z if stored is None else stored, self._backend)
        loss = pixel_distance(images, self._crops)
        if self._crop_features is not None:
            features = self._psi(images)
            loss = loss + self._feature_weight * feature_distance(features, self._crop_features)
        if self._coding:
            loss = loss + self._coding.term(self._z)
            self._adam.param_groups[0]["lr"] = self._coding.lr(number)
        self._adam.zero_grad()
        loss.sum().backward()
        self._adam.step()
        self.loss, self.step_seconds = float(loss.detach().mean()), time.monotonic() - began

    def error_now(self) -> Tensor:
        """Return the mean squared error of each uint8 G(z) to its crop, float64 `[CHUNK]`."""
        return self._error() if self._adam.state else self.error_start

    @torch.no_grad()
    def _error(self) -> Tensor:
        images = to_uint8(self._generator(self._z)).cpu()
        return pixel_distance(images.double(), self._pixels.double())
