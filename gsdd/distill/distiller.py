"""Distribution matching in the generator's space: the loop that moves latents (Eq. 7-9)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.distill.adam import AdamState, adam_state, restore_adam
from gsdd.distill.chunks import chunk_indices
from gsdd.distill.deadline import Deadline
from gsdd.distill.embedding import Embedding, class_index
from gsdd.distill.generator_pass import GeneratorPass, graph_bytes
from gsdd.distill.recipe import Recipe
from gsdd.distill.spaces import Spaces
from gsdd.generators.generator import Generator
from gsdd.kernels.matching import matching
from gsdd.randomness import numpy_stream

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class DistillationSource:
    """What latents are matched with.

    Attributes:
        class_names: one a class.
        counts: latents a class; latents stand class after class.
        pairs: the crop x_k of every latent, uint8 `[N, 3, H, W]`.
        real: crops of each class to draw from, uint8 `[M_c, 3, H, W]`.
    """

    class_names: tuple[str, ...]
    counts: tuple[int, ...]
    pairs: Tensor
    real: tuple[Tensor, ...]


@dataclass(frozen=True)
class Distillation:
    """What the loop gives, at its end or under way; from here it goes on to the same bits.

    Attributes:
        adam: the latents, a parameter each.
        iterations: steps that were made; fewer than asked where a deadline came.
    """

    adam: AdamState
    iterations: int

    @property
    def latents(self) -> Tensor:
        """Return z, float32 `[N, 3, h, w]` on the CPU."""
        return self.adam.latents


def distill(
    source: DistillationSource,
    latents: Tensor,
    generator: Generator,
    spaces: Spaces,
    recipe: Recipe,
    deadline: Deadline | None = None,
    progress: Progress | None = None,
    resume: Distillation | None = None,
    keep: Callable[[Callable[[], Distillation]], None] | None = None,
) -> Distillation:
    """Minimise Eq. 9 over the latents by Adam.

    Args:
        source: real crops, pairs and classes.
        latents: z' of the inversion, float32 `[N, 3, h, w]`.
        generator: G, frozen.
        spaces: where (theta, omega) are drawn.
        recipe: steps, learning rate, lambda and batch sizes.
        deadline: no step begins that would end after it.
        progress: called with steps done, steps in all, and the loss.
        resume: where an earlier loop on the same source stood; it goes on from there.
        keep: called after each step with a function that tells where the loop stands.

    Returns:
        The moved latents and the steps that were made.

    Source: GSDD paper, Eq. 7-9.
    """
    deadline = deadline or Deadline()
    loop, slowest = _Loop(source, latents, generator, spaces, recipe), 0.0
    if resume:
        loop.restore(resume)
    while loop.steps < recipe.iterations and not deadline.passed(slowest):
        began = time.monotonic()
        loss = loop.step()
        slowest = max(slowest, time.monotonic() - began)
        if progress:
            progress(loop.steps, recipe.iterations, loss)
        if keep is not None:
            keep(loop.state)
    return loop.state()


class _Loop:
    def __init__(
        self, source: DistillationSource, latents: Tensor, generator: Generator, spaces: Spaces, recipe: Recipe
    ) -> None:
        self._source, self._generator, self._spaces, self._recipe = source, generator, spaces, recipe
        # One parameter a latent: Adam skips those whose turn it is not, and counts each one's own steps.
        self._z = [z.clone().to(generator.device).requires_grad_(True) for z in latents]
        self._adam = torch.optim.Adam(self._z, lr=recipe.lr, betas=(0.9, 0.999))
        self._classes = class_index(source.counts)
        self._graph_bytes = 0
        self.steps = 0

    def state(self) -> Distillation:
        return Distillation(adam_state(self._z, self._adam), self.steps)

    def restore(self, state: Distillation) -> None:
        restore_adam(self._z, self._adam, state.adam)
        self.steps = state.iterations

    def step(self) -> float:
        number = self.steps
        moving, counts = self._moving(number)
        embedding = self._spaces.embedding("training", number, self._source.class_names)
        real_means = embedding.real_means(self._real_batches(number), self._recipe.real_batch)
        pair_features = self._pair_features(embedding, moving) if self._recipe.lam > 0 else None
        chunks = list(chunk_indices(moving))
        generated = self._generate(chunks)
        features = self._features(embedding, generated.images, chunks)
        terms = matching(features, counts, real_means, pair_features, self._recipe.lam, backend=embedding.backend)
        loss = terms.total
        if self._recipe.reduction == "mean":
            loss = loss / features.shape[1]
        loss.backward()
        self._move(chunks, generated.backward())
        self.steps += 1
        return float(loss.detach())

    def _features(self, embedding: Embedding, images: list[Tensor], chunks: list[tuple[Tensor, int]]) -> Tensor:
        parts = zip(images, chunks, strict=True)
        return torch.cat([embedding(image, self._classes[index])[:real] for image, (index, real) in parts])

    def _moving(self, number: int) -> tuple[Tensor, tuple[int, ...]]:
        """Pick the latents of a step, class after class."""
        picked, first = [], 0
        for name, count in zip(self._source.class_names, self._source.counts, strict=True):
            size = min(self._recipe.latent_batch or count, count)
            stream = numpy_stream(self._recipe.seed, f"moving latents of {name}", number)
            picked.append(first + torch.from_numpy(stream.permutation(count)[:size]).sort().values)
            first += count
        return torch.cat(picked), tuple(map(len, picked))

    def _real_batches(self, number: int) -> tuple[Tensor, ...]:
        batches = []
        for name, crops in zip(self._source.class_names, self._source.real, strict=True):
            stream = numpy_stream(self._recipe.seed, f"real batch of {name}", number)
            batches.append(crops[torch.from_numpy(stream.permutation(len(crops))[: self._recipe.real_batch])])
        return tuple(batches)

    def _pair_features(self, embedding: Embedding, moving: Tensor) -> Tensor:
        return embedding.embed_crops(self._source.pairs[moving], self._classes[moving], self._recipe.real_batch)

    def _generate(self, chunks: list[tuple[Tensor, int]]) -> GeneratorPass:
        z = torch.cat([torch.stack([self._z[k] for k in index.tolist()]) for index, _ in chunks]).detach()
        if not self._graph_bytes:
            self._graph_bytes = graph_bytes(self._generator, z[: len(chunks[0][0])])
        return GeneratorPass(self._generator, z, self._graph_bytes, self._spaces.backend)

    def _move(self, chunks: list[tuple[Tensor, int]], gradients: Tensor) -> None:
        self._adam.zero_grad()
        for (index, real), part in zip(chunks, gradients.split(len(chunks[0][0])), strict=True):
            for row, k in enumerate(index[:real].tolist()):
                self._z[k].grad = part[row]
        self._adam.step()
