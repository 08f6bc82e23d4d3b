"""The inversion of one chunk of latents: Adam on w D_f + D_p (Eq. 3-5)."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.data.degradation import to_float, to_uint8
from gsdd.distill.adam import AdamState, StackedAdam
from gsdd.distill.coding import Coding
from gsdd.distill.criterion import Criterion
from gsdd.distill.distances import pixel_distance
from gsdd.distill.pace import Pace
from gsdd.distill.run import Run

# Of a frozen network, in forward passes.
BACKWARD_AND_FORWARD = 2


@dataclass(frozen=True)
class BegunChunk:
    """A chunk on its way.

    Attributes:
        adam: its latents, as one parameter `[1, CHUNK, 3, h, w]`.
        error_start: mean squared error of the uint8 G(z) to its crop, in levels of it, before the first step, float64
            `[CHUNK]`.
    """

    adam: AdamState
    error_start: Tensor


class ChunkInversion:
    """A chunk under Adam; tells the mean loss of its last step, and how long that took or, before it, will about take.

    Args:
        crops: x_k, uint8 `[CHUNK, 3, H, W]`, or floating point in [0, 1].
        latents: z before the first step, float32 `[CHUNK, 3, h, w]`.
        criterion: w D_f + D_p.
        run: its generator, and of its recipe the learning rate.
        coding: through which latents are optimised; None without a codec.
    """

    def __init__(
        self,
        crops: Tensor,
        latents: Tensor,
        criterion: Criterion,
        run: Run,
        coding: Coding | None = None,
    ) -> None:
        self._generator, self._criterion, self._coding = run.generator, criterion, coding
        self._lr, self._pace = run.recipe.inversion.lr, Pace()
        pixels = crops.to(run.generator.device)
        self._crops = to_float(pixels)
        self._levels = 255 * pixels if pixels.is_floating_point() else pixels
        self._crop_features = criterion.features(self._crops)
        # The chunk is one parameter, of one count of steps.
        self._adam = StackedAdam(latents[None].to(run.generator.device, copy=True))
        began = time.monotonic()
        self.error_start = self._error()
        self.step_seconds = BACKWARD_AND_FORWARD * (time.monotonic() - began)

    @property
    def loss(self) -> float:
        """Mean of the last step that has ended; NaN before."""
        return self._pace.loss

    @property
    def diverged(self) -> bool:
        """Whether a step that has ended had a loss that is not finite."""
        return self._pace.diverged

    @property
    def behind(self) -> int:
        """Steps that were begun and may not have ended."""
        return self._pace.behind

    @property
    def adam(self) -> AdamState:
        """Return where Adam stands."""
        return self._adam.state()

    def restore(self, begun: BegunChunk) -> None:
        """Go on from where this chunk stood."""
        self._adam.restore(begun.adam)
        self.error_start = begun.error_start

    def step(self, bf16: bool, number: int) -> None:
        """Move the latents once; bf16 says whether G computes in that, number which step it is, from 0."""
        began, z, lr = time.monotonic(), self._adam.values[0], self._lr
        seen = self._coding.begin(z, number) if self._coding else z
        losses, gradient = self._criterion(bf16, seen, self._crops, self._crop_features)
        if self._coding:
            terms, of_terms = self._coding.term(z)
            losses, gradient, lr = losses + terms, gradient + of_terms, self._coding.lr(number)
        self._adam.move(gradient[None], lr)
        self._pace.begun(losses.mean())
        self.step_seconds = time.monotonic() - began

    def error_now(self) -> Tensor:
        """Return the mean squared error of each uint8 G(z) to its crop, float64 `[CHUNK]`."""
        return self._error() if self._adam.has_moved else self.error_start

    @torch.no_grad()
    def _error(self) -> Tensor:
        images = to_uint8(self._generator(self._adam.values[0]))
        return pixel_distance(images.double(), self._levels.double()).cpu()
