"""GAN inversion: the latent whose image is nearest to a crop (Eq. 3-5), chunk by chunk."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gsdd.data.degradation import downscale, to_float
from gsdd.data.image_store import Images
from gsdd.distill.adam import AdamState
from gsdd.distill.budget import Budget
from gsdd.distill.chunk_inversion import BegunChunk, ChunkInversion
from gsdd.distill.coding import Coding
from gsdd.distill.criterion import Criterion
from gsdd.distill.finite import check_going, check_latents
from gsdd.distill.parts import number_of, tensor_of
from gsdd.distill.run import Facts, Run, Tensors
from gsdd.features.extractor import FeatureExtractor
from gsdd.parallel.chunks import chunk_indices
from gsdd.parallel.memory import give_back_free_memory
from gsdd.randomness import torch_stream
from gsdd.recipe import Recipe

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

    @classmethod
    def by_no_step(cls, latents: Tensor) -> "Inverted":
        """Take latents as they are, of images that nobody has looked at."""
        unknown = torch.zeros(len(latents), dtype=torch.float64)
        return cls(latents, 0, unknown, unknown)

    def parts(self) -> tuple[Tensors, Facts]:
        """See `State`."""
        tensors = {"inverted.latents": self.latents, "inverted.error_start": self.error_start}
        return {**tensors, "inverted.error": self.error}, {"inverted.steps": self.steps}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> "Inverted":
        """Put together what `parts` took apart; ValueError if that is no such state."""
        latents = tensor_of(tensors, "inverted.latents", torch.float32, (-1, 3, -1, -1))
        start, end = (
            tensor_of(tensors, f"inverted.{name}", torch.float64, (len(latents),)) for name in ("error_start", "error")
        )
        return cls(latents, number_of(facts, "inverted.steps"), start, end)


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

    def parts(self) -> tuple[Tensors, Facts]:
        """See `State`."""
        tensors, facts = self.done.parts() if self.done else ({}, {})
        return {**tensors, **self.adam.tensors(), "error_start": self.error_start}, {**facts, "wanted": self.wanted}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> "InversionState":
        """Put together what `parts` took apart; ValueError if that is no such state."""
        done = Inverted.of(tensors, facts) if "inverted.steps" in facts else None
        adam = AdamState.of(tensors)
        chunks = tuple(tensor_of(tensors, "adam.latents", torch.float32, (-1, -1, 3, -1, -1)).shape[:2])
        return cls(done, number_of(facts, "wanted"), adam, tensor_of(tensors, "error_start", torch.float64, chunks))

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of a latent."""
        return tuple(self.adam.latents.shape[2:])


def starting_latents(crops: Tensor, scale: int, recipe: Recipe, numbers: Sequence[int] | None = None) -> Tensor:
    """Choose z before the inversion.

    Args:
        crops: HR crops x_k, uint8 `[N, 3, H, W]`, or floating point in [0, 1].
        scale: of the generator.
        recipe: where z starts, and the seed.
        numbers: which latents of the run these are; None counts from 0.

    Returns:
        z, float32 `[N, 3, H/scale, W/scale]`: the generator was trained to turn a down-sampled photo into the photo,
        so that is the nearest latent known without a search.
    """
    small = downscale(to_float(crops), scale)
    if recipe.inversion.start == "downscale":
        return small
    streams = [torch_stream(recipe.seed, "start", k) for k in (range(len(crops)) if numbers is None else numbers)]
    return 0.5 + 0.1 * torch.stack([torch.randn(small.shape[1:], generator=stream) for stream in streams])


def invert(
    crops: Images,
    psi: FeatureExtractor,
    run: Run,
    resume: InversionState | None = None,
    budget: Budget | None = None,
    numbers: Sequence[int] | None = None,
) -> Inverted:
    """Find z' = argmin w D_f + D_p for every crop by Adam, a chunk at a time.

    Args:
        crops: HR crops x_k, uint8 `[N, 3, H, W]`, or floating point in [0, 1]; N at least 1, read by rows.
        psi: the extractor of D_f.
        run: its generator, and of its recipe start, steps, learning rate and the weight of D_f. The first round of
            chunks finds how many steps fit before the deadline; the others make as many.
        resume: where an earlier inversion of the same crops stood; it goes on from there.
        budget: bytes that each latent may take as it is stored; None where the file may have any size.
        numbers: which latents of the run these are; None counts from 0. A latent depends on nothing else of the others.

    Returns:
        z' and the steps that were made, the same in every process and for every number of them.

    Raises:
        ProcessLostError: another process is gone.
        Interrupted: the journal was asked to stop.
        DivergedError: a loss, or a latent, is not finite.

    Source: GSDD paper, Eq. 3-5; Creswell and Bharath 2019.
    """
    if resume:
        run = replace(run, chunk_size=resume.adam.latents.shape[1])
    run = run.in_chunks_for(len(crops))
    workers, chunks = run.workers, list(chunk_indices(torch.arange(len(crops)), run.chunk))
    criterion = Criterion(psi, run)
    done = [resume.done] if resume and resume.done else []
    wanted, begun = (resume.wanted, _begun(resume)) if resume else (run.recipe.inversion.steps, [])
    for first in range(len(done[0].latents) // run.chunk if done else 0, len(chunks), workers.size):
        left = len(range(first, len(chunks), workers.size))
        deadline = run.deadline.share((OVERTIME if done else 1) / left)
        members = range(first, min(first + workers.size, len(chunks)))
        work = _Round(members, partial(_begin, crops, criterion, run, budget, numbers), begun, run)
        while work.steps < wanted and not workers.agree(deadline.passed(work.finishing_steps * work.step_seconds)):
            loss = work.step(wanted)
            check_going("inversion", work.steps, work.diverged, run)
            run.monitor.progress(
                "inversion", first * wanted + work.chunk_steps, len(chunks) * wanted, loss, len(crops) / len(chunks)
            )
            run.journal.hear("inversion", work.steps, wanted, loss)
            run.journal.keep(partial(_state, done, wanted, work))
        done.append(work.finish(sum(real for _, real in chunks[first : members.stop])))
        check_latents("inversion", work.steps, done[-1].latents, run)
        wanted, begun = work.steps, work.waiting
        give_back_free_memory(run.generator.device)
    return _joined(done)


def _begin(
    crops: Images,
    criterion: Criterion,
    run: Run,
    budget: Budget | None,
    numbers: Sequence[int] | None,
    chunk: int,
) -> ChunkInversion:
    index = list(chunk_indices(torch.arange(len(crops)), run.chunk))[chunk][0]
    own = (index if numbers is None else torch.tensor(numbers)[index]).tolist()
    start = starting_latents(crops[index], run.generator.scale, run.recipe, own)
    coding = Coding(run.recipe, index.tolist(), budget) if run.recipe.storage.codec_name == "dct" else None
    return ChunkInversion(crops[index], start, criterion, run, coding)


class _Round:
    """Chunks that are inverted side by side, one a process.

    Args:
        members: their numbers.
        begin: makes a chunk before its first step.
        begun: those that were begun before, from the first member on; there may be more of them than members.
        run: of at least as many processes as members.
    """

    def __init__(
        self,
        members: range,
        begin: Callable[[int], ChunkInversion],
        begun: list[BegunChunk],
        run: Run,
    ) -> None:
        self._recipe, self._workers = run.recipe, run.workers
        self._count, self.waiting = len(members), begun[len(members) :]
        self._steps = [int(begun[k].adam.steps) if k < len(begun) else 0 for k in range(len(members))]
        self._mine = [begin(members[k]) for k in run.workers.deal(len(members))]
        for search, chunk in zip(self._mine, begun[run.workers.rank :], strict=False):
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
    def diverged(self) -> bool:
        """Whether a chunk of this process had a loss that is not finite."""
        return any(search.diverged for search in self._mine)

    @property
    def finishing_steps(self) -> float:
        """Steps until the end where one more is begun: those that a device has not ended, and a look at the result."""
        return FINISHING_STEPS + max((search.behind for search in self._mine), default=0)

    @property
    def step_seconds(self) -> float:
        return max((search.step_seconds for search in self._mine), default=0.0)

    def step(self, wanted: int) -> float:
        """Move the members that have not made their steps; return the mean loss of this process's, or NaN."""
        for k, search in zip(self._workers.deal(self._count), self._mine, strict=True):
            if self._steps[k] < wanted:
                # Of the steps that were asked for: where a budget cuts them, all rounds are cut in the same arithmetic.
                search.step(self._recipe.computes_in_bf16(self._steps[k], self._recipe.inversion.steps), self._steps[k])
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
