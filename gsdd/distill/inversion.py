"""GAN inversion: the latent whose image is nearest to a crop (Eq. 3-5)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from gsdd.data.degradation import downscale, to_float, to_uint8
from gsdd.distill.adam import AdamState, adam_state, restore_adam
from gsdd.distill.chunks import CHUNK, chunk_indices
from gsdd.distill.deadline import Deadline
from gsdd.distill.recipe import Recipe
from gsdd.features.extractor import FeatureExtractor
from gsdd.generators.generator import Generator
from gsdd.kernels.backend import Backend
from gsdd.randomness import torch_stream

Progress = Callable[[int, int, float], None]

# A step, and the forward pass that measures the result.
FINISHING_STEPS = 1.5
# Later chunks make the first one's number of steps even where the machine has become slower, up to this.
OVERTIME = 1.5


@dataclass(frozen=True)
class Inverted:
    """What inversion gives.

    Attributes:
        latents: z', float32 `[N, 3, h, w]` on the CPU.
        steps: Adam steps that every latent got at least; fewer than asked where a deadline came.
        error_start: mean squared error of the uint8 G(z) to its crop before the first step, float64 `[N]`.
        error: the same after the last step.
    """

    latents: Tensor
    steps: int
    error_start: Tensor
    error: Tensor


@dataclass(frozen=True)
class InversionState:
    """An inversion under way; from here it goes on to the same bits.

    Attributes:
        done: what the chunks that are finished gave; None before the first is.
        wanted: steps that the chunk under way is to make.
        adam: the latents of that chunk, as one parameter `[1, CHUNK, 3, h, w]`.
        error_start: as in `Inverted`, of that chunk.
    """

    done: Inverted | None
    wanted: int
    adam: AdamState
    error_start: Tensor


def starting_latents(crops: Tensor, scale: int, recipe: Recipe, numbers: Sequence[int] | None = None) -> Tensor:
    """Choose z before the inversion.

    Args:
        crops: HR crops x_k, uint8 `[N, 3, H, W]`.
        scale: of the generator.
        recipe: `start` and `seed`.
        numbers: which latents of the run these are; None counts from 0.

    Returns:
        z, float32 `[N, 3, H/scale, W/scale]`: the generator was trained to turn a down-sampled photo into the photo,
        so that is the nearest latent known without a search.
    """
    small = downscale(to_float(crops), scale)
    if recipe.start == "downscale":
        return small
    streams = [torch_stream(recipe.seed, "start", k) for k in (range(len(crops)) if numbers is None else numbers)]
    return 0.5 + 0.1 * torch.stack([torch.randn(small.shape[1:], generator=stream) for stream in streams])


def feature_distance(image_features: Tensor, crop_features: Tensor) -> Tensor:
    """Measure D_f (Eq. 4): the squared distance of features over their number.

    Args:
        image_features: psi(G(z)), floating `[N, D]`.
        crop_features: psi(x), `[N, D]`.

    Returns:
        D_f of each image, `[N]`.
    """
    return (image_features - crop_features).square().mean(dim=1)


def pixel_distance(images: Tensor, crops: Tensor) -> Tensor:
    """Measure D_p (Eq. 5): the squared distance of pixels over their number.

    Args:
        images: G(z), floating `[N, 3, H, W]`.
        crops: x, `[N, 3, H, W]`.

    Returns:
        D_p of each image, `[N]`.
    """
    return (images - crops).square().mean(dim=(1, 2, 3))


def invert(
    crops: Tensor,
    generator: Generator,
    psi: FeatureExtractor,
    recipe: Recipe,
    *,
    backend: Backend = "auto",
    numbers: Sequence[int] | None = None,
    deadline: Deadline | None = None,
    progress: Progress | None = None,
    resume: InversionState | None = None,
    keep: Callable[[Callable[[], InversionState]], None] | None = None,
) -> Inverted:
    """Find z' = argmin w D_f + D_p for every crop by Adam, eight latents at a time.

    Args:
        crops: HR crops x_k, uint8 `[N, 3, H, W]`, N at least 1.
        generator: G, frozen.
        psi: the extractor of D_f.
        recipe: start, steps, learning rate and the weight of D_f.
        backend: of G's activations.
        numbers: which latents of the run these are; None counts from 0. A latent depends on nothing else of the others.
        deadline: when to stop. The first chunk finds how many steps fit; the others make as many.
        progress: called with chunk steps done, chunk steps in all, and the mean loss of the chunk.
        resume: where an earlier inversion of the same crops stood; it goes on from there.
        keep: called after each step with a function that tells where the inversion stands.

    Returns:
        z' and the steps that were made.

    Source: GSDD paper, Eq. 3-5; Creswell and Bharath 2019.
    """
    deadline = deadline or Deadline()
    start = starting_latents(crops, generator.scale, recipe, numbers)
    chunks = list(chunk_indices(torch.arange(len(crops))))
    done = [resume.done] if resume and resume.done else []
    wanted = resume.wanted if resume else recipe.inversion_steps
    first = len(done[0].latents) // CHUNK if done else 0
    for number, (index, real) in enumerate(chunks[first:], first):
        budget = deadline.share(OVERTIME if done else 1 / len(chunks))
        search = _ChunkInversion(crops[index], start[index], real, generator, psi, recipe, backend)
        if resume and number == first:
            search.restore(resume)
        while search.steps < wanted and not budget.passed(FINISHING_STEPS * search.step_seconds):
            loss = search.step()
            if progress:
                progress(number * wanted + search.steps, len(chunks) * wanted, loss)
            if keep is not None:
                keep(partial(_state, done, wanted, search))
        done.append(search.finish())
        wanted = search.steps
    return _joined(done)


def _joined(parts: list[Inverted]) -> Inverted:
    return Inverted(
        torch.cat([part.latents for part in parts]),
        min(part.steps for part in parts),
        torch.cat([part.error_start for part in parts]),
        torch.cat([part.error for part in parts]),
    )


def _state(done: list[Inverted], wanted: int, search: "_ChunkInversion") -> InversionState:
    return InversionState(_joined(done) if done else None, wanted, search.state(), search.error_start)


class _ChunkInversion:
    def __init__(
        self,
        crops: Tensor,
        latents: Tensor,
        real: int,
        generator: Generator,
        psi: FeatureExtractor,
        recipe: Recipe,
        backend: Backend,
    ) -> None:
        self._backend: Backend = backend
        self._generator, self._psi, self._feature_weight = generator, psi, recipe.inversion_features
        self._pixels, self._real = crops, real
        self._crops = to_float(crops).to(generator.device)
        self._crop_features = psi(self._crops) if self._feature_weight else None
        self._z = latents.clone().to(generator.device).requires_grad_(True)
        self._adam = torch.optim.Adam([self._z], lr=recipe.inversion_lr)
        self.error_start = self._error()
        self.steps = 0
        self.step_seconds = 0.0

    def finish(self) -> Inverted:
        return Inverted(self._z.detach().cpu()[: self._real], self.steps, self.error_start, self._error())

    def state(self) -> AdamState:
        return adam_state([self._z], self._adam)

    def restore(self, state: InversionState) -> None:
        restore_adam([self._z], self._adam, state.adam)
        self.steps, self.error_start = int(state.adam.steps), state.error_start

    def step(self) -> float:
        began = time.monotonic()
        images = self._generator.frozen(self._z, self._backend)
        loss = pixel_distance(images, self._crops)
        if self._crop_features is not None:
            features = self._psi(images)
            loss = loss + self._feature_weight * feature_distance(features, self._crop_features)
        self._adam.zero_grad()
        loss.sum().backward()
        self._adam.step()
        self.steps += 1
        self.step_seconds = time.monotonic() - began
        return float(loss.detach().mean())

    @torch.no_grad()
    def _error(self) -> Tensor:
        images = to_uint8(self._generator(self._z)).cpu()
        return pixel_distance(images.double(), self._pixels.double())[: self._real]
