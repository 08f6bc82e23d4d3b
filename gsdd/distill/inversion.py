"""GAN inversion: the latent whose image is nearest to a crop (Eq. 3-5), chunk by chunk."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from gsdd.data.degradation import downscale, to_float
from gsdd.distill.adam import AdamState
from gsdd.distill.chunk_inversion import BegunChunk, ChunkInversion
from gsdd.distill.chunks import CHUNK, chunk_indices
from gsdd.distill.deadline import Deadline
from gsdd.distill.free_memory import give_back_free_memory
from gsdd.distill.recipe import Recipe
from gsdd.distill.spill import Images
from gsdd.distill.workers import ALONE, Workers
from gsdd.features.extractor import FeatureExtractor
from gsdd.generators.generator import Generator
from gsdd.kernels.backend import Backend
from gsdd.randomness import torch_stream

Progress = Callable[[int, int, float], None]

# A step, and the forward pass that measures the result.
FINISHING_STEPS = 1.5
# Later rounds make the first one's number of steps even where the machine has become slower, up to this much of their
# equal share of what is left.
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
    """An inversion under way; from here any number of processes go on to the same bits.

    Attributes:
        done: what the chunks that are finished gave; None before the first is.
        wanted: steps that a chunk is to make.
        adam: the latents of the chunks under way, which follow those done, a parameter `[CHUNK, 3, h, w]` each.
        error_start: as in `Inverted`, of the chunks under way with their padding, `[chunks, CHUNK]`.
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


def invert(
    crops: Images,
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
    workers: Workers = ALONE,
    shares: Sequence[float] | None = None,
) -> Inverted:
    """Find z' = argmin w D_f + D_p for every crop by Adam, a chunk at a time.

    Args:
        crops: HR crops x_k, uint8 `[N, 3, H, W]`, N at least 1, read by rows.
        generator: G, frozen.
        psi: the extractor of D_f.
        recipe: start, steps, learning rate and the weight of D_f.
        backend: of G's activations.
        numbers: which latents of the run these are; None counts from 0. A latent depends on nothing else of the others.
        deadline: when to stop. The first round finds how many steps fit; the others make as many.
        progress: called with chunk steps done, chunk steps in all, and the mean loss of this process's chunk.
        resume: where an earlier inversion of the same crops stood; it goes on from there.
        keep: called after each step with a function that tells where the inversion stands; of several processes all
            call that function, or none does.
        workers: the processes of the run; each takes one chunk of a round.
        shares: bytes that each latent may take as it is stored, `[N]`; None where the file may have any size.

    Returns:
        z' and the steps that were made, the same in every process and for every number of them.

    Raises:
        ProcessLostError: another process is gone.

    Source: GSDD paper, Eq. 3-5; Creswell and Bharath 2019.
    """
    deadline, chunks = deadline or Deadline(), list(chunk_indices(torch.arange(len(crops))))

    def begin(chunk: int) -> ChunkInversion:
        index, _ = chunks[chunk]
        own = index if numbers is None else torch.tensor(numbers)[index]
        start = starting_latents(crops[index], generator.scale, recipe, own.tolist())
        own_shares = None if shares is None else np.array(shares)[index.numpy()]
        return ChunkInversion(crops[index], start, generator, psi, recipe, backend, own_shares)

    done = [resume.done] if resume and resume.done else []
    wanted, begun = (resume.wanted, _begun(resume)) if resume else (recipe.inversion_steps, [])
    rounds = range(len(done[0].latents) // CHUNK if done else 0, len(chunks), workers.size)
    for first in rounds:
        left = len(range(first, len(chunks), workers.size))
        budget = deadline.share((OVERTIME if done else 1) / left)
        members = range(first, min(first + workers.size, len(chunks)))
        work = _Round(members, begin, begun, recipe, workers)
        while work.steps < wanted and not workers.agree(budget.passed(FINISHING_STEPS * work.step_seconds)):
            loss = work.step(wanted)
            if progress:
                progress(first * wanted + work.chunk_steps, len(chunks) * wanted, loss)
            if keep is not None:
                keep(partial(_state, done, wanted, work))
        done.append(work.finish(sum(real for _, real in chunks[first : members.stop])))
        wanted, begun = work.steps, work.waiting
        give_back_free_memory()
    return _joined(done)


class _Round:
    """Chunks that are inverted side by side, one a process.

    Args:
        members: their numbers.
        begin: makes a chunk before its first step.
        begun: those that were begun before, from the first member on; there may be more of them than members.
        recipe: of the run.
        workers: the processes, at least as many as members.
    """

    def __init__(
        self,
        members: range,
        begin: Callable[[int], ChunkInversion],
        begun: list[BegunChunk],
        recipe: Recipe,
        workers: Workers,
    ) -> None:
        self._recipe, self._workers = recipe, workers
        self._count, self.waiting = len(members), begun[len(members) :]
        self._steps = [int(begun[k].adam.steps) if k < len(begun) else 0 for k in range(len(members))]
        self._mine = [begin(members[k]) for k in workers.deal(len(members))]
        for search, chunk in zip(self._mine, begun[workers.rank :], strict=False):
            search.restore(chunk)

    @property
    def steps(self) -> int:
        """Steps that every member has made at least."""
        return min(self._steps)

    @property
    def chunk_steps(self) -> int:
        """Steps that the members have made together."""
        return sum(self._steps)

    @property
    def step_seconds(self) -> float:
        return max((search.step_seconds for search in self._mine), default=0.0)

    def step(self, wanted: int) -> float:
        """Move the members that have not made their steps; return the mean loss of this process's, or NaN."""
        for k, search in zip(self._workers.deal(self._count), self._mine, strict=True):
            if self._steps[k] < wanted:
                # Of the steps that were asked for: where a budget cuts them, all rounds are cut in the same arithmetic.
                search.step(self._recipe.computes_in_bf16(self._steps[k], self._recipe.inversion_steps), self._steps[k])
        self._steps = [min(steps + 1, wanted) for steps in self._steps]
        return max((search.loss for search in self._mine), default=math.nan)

    def begun(self) -> list[BegunChunk]:
        """Give every process all chunks on their way, those included whose turn is later."""
        moments = self._gathered(lambda search: torch.cat([search.adam.latents, search.adam.first, search.adam.second]))
        errors = self._gathered(lambda search: search.error_start)
        members = [
            BegunChunk(AdamState(moment[:1], moment[1:2], moment[2:], torch.tensor([steps])), error)
            for moment, steps, error in zip(moments, self._steps, errors, strict=True)
        ]
        return members + self.waiting

    def finish(self, real: int) -> Inverted:
        """Give every process the results of all members, without the padding behind the last real latent."""
        latents = self._gathered(lambda search: search.adam.latents[0])
        starts, ends = self._gathered(lambda search: search.error_start), self._gathered(ChunkInversion.error_now)
        return Inverted(torch.cat(latents)[:real], self.steps, torch.cat(starts)[:real], torch.cat(ends)[:real])

    def _gathered(self, value: Callable[[ChunkInversion], Tensor]) -> list[Tensor]:
        return self._workers.gather([value(search) for search in self._mine], self._count)


def _joined(parts: list[Inverted]) -> Inverted:
    return Inverted(
        torch.cat([part.latents for part in parts]),
        min(part.steps for part in parts),
        torch.cat([part.error_start for part in parts]),
        torch.cat([part.error for part in parts]),
    )


def _state(done: list[Inverted], wanted: int, work: _Round) -> InversionState:
    begun = work.begun()
    adam = AdamState(*map(torch.cat, zip(*(vars(chunk.adam).values() for chunk in begun), strict=True)))
    errors = torch.stack([chunk.error_start for chunk in begun])
    return InversionState(_joined(done) if done else None, wanted, adam, errors)


def _begun(state: InversionState) -> list[BegunChunk]:
    parts = zip(*(values.split(1) for values in vars(state.adam).values()), strict=True)
    return [BegunChunk(AdamState(*part), error) for part, error in zip(parts, state.error_start, strict=True)]
