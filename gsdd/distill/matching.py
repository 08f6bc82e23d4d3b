"""Distribution matching in the generator's space: the loop that moves latents (Eq. 7-9)."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from gsdd.distill.adam import AdamState, StackedAdam
from gsdd.distill.arithmetic import Arithmetic
from gsdd.distill.bank import DistillationSource
from gsdd.distill.budget import Budget
from gsdd.distill.coefficients import Coefficients
from gsdd.distill.finite import check_going, check_latents
from gsdd.distill.inversion import Inverted
from gsdd.distill.moving import Moving, most_moving
from gsdd.distill.pace import Pace
from gsdd.distill.parts import number_of, tensor_of
from gsdd.distill.pictures import Pictures
from gsdd.distill.run import Facts, Run, Tensors
from gsdd.distill.schedule import share_of_rate
from gsdd.distill.spaces import Spaces
from gsdd.distill.stored import as_stored
from gsdd.parallel.memory import give_back_free_memory
from gsdd.parallel.rows import beside, fits, taken
from gsdd.recipe import Matching, Space

# Of a run of decaying rate: the share that Adam remembers at most.
MEMORY = 1 / 3
# Of Adam, in learning rates: gradients of one student are surer than features under many omegas.
RATES: Mapping[Space, float] = MappingProxyType({"local-fourier": 1.0, "resnet18": 1.0, "student": 4.0})
# What the first exact step may take, in steps of bf16: G is twice as slow at most, and its draws are made anew.
EXACT_COST = 4.0


@dataclass(frozen=True)
class Distillation:
    """What the loop gives, at its end or under way; from here it goes on to the same bits.

    Attributes:
        adam: the latents, a parameter each.
        iterations: steps that were made; fewer than asked where a deadline came.
        inverted: what the latents were before the first step, and how near to their crops.
        pictured: latents whose images stand for those at rest, float32 `[N, 3, h, w]`; None if none rests.
    """

    adam: AdamState
    iterations: int
    inverted: Inverted
    pictured: Tensor | None = None

    @property
    def latents(self) -> Tensor:
        """Return z, float32 `[N, 3, h, w]` on the CPU."""
        return self.adam.latents

    def parts(self) -> tuple[Tensors, Facts]:
        """See `State`."""
        tensors, facts = self.inverted.parts()
        pictured = {} if self.pictured is None else {"pictured": self.pictured}
        return {**tensors, **self.adam.tensors(), **pictured}, {**facts, "iterations": self.iterations}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> "Distillation":
        """Put together what `parts` took apart; ValueError if that is no such state."""
        inverted = Inverted.of(tensors, facts)
        shape = tuple(inverted.latents.shape)
        tensor_of(tensors, "adam.latents", torch.float32, shape)
        pictured = tensor_of(tensors, "pictured", torch.float32, shape) if "pictured" in tensors else None
        return cls(AdamState.of(tensors), number_of(facts, "iterations"), inverted, pictured)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of a latent."""
        return tuple(self.adam.latents.shape[1:])


def match(
    source: DistillationSource,
    inverted: Inverted,
    spaces: Spaces,
    run: Run,
    resume: Distillation | None = None,
    budget: Budget | None = None,
) -> Distillation:
    """Minimise Eq. 9 over the latents by Adam.

    Args:
        source: real crops, starting crops and classes.
        inverted: z' of the inversion.
        spaces: where (theta, omega) are drawn.
        run: its generator, and of its recipe steps, learning rate, lambda, batch sizes and what is kept between steps.
        resume: where an earlier loop on the same source stood; it goes on from there.
        budget: bytes that each latent may take as it is stored; None: they are stored as the recipe says.

    Returns:
        The moved latents and the steps that were made.

    Raises:
        ProcessLostError: another process is gone.
        OutputError: the run's directory has no room.
        Interrupted: the journal was asked to stop.
        DivergedError: a loss, or a latent, is not finite.

    Source: GSDD paper, Eq. 7-9.
    """
    run = run.in_chunks_for(most_moving(source.counts, run.recipe))
    loop, total = _Loop(source, inverted, spaces, run, resume, budget), run.recipe.matching.iterations
    slowest = run.forward_seconds * loop.passes_of_first_step
    while loop.steps < total:
        if run.workers.agree(run.deadline.passed(loop.pace.behind * slowest + loop.next_seconds(slowest))):
            break
        loop.begin()
        began = time.monotonic()
        loop.step()
        check_going("matching", loop.steps, loop.pace.diverged, run)
        slowest = max(slowest, time.monotonic() - began)
        run.monitor.progress("matching", loop.steps, total, loop.pace.loss, loop.moving)
        run.journal.hear("matching", loop.steps, total, loop.pace.loss)
        run.journal.keep(loop.state)
    state = loop.state()
    check_latents("matching", loop.steps, state.latents, run)
    return state


def betas_of(recipe: Matching) -> tuple[float, float]:
    """Return Adam's betas: 0.9 and 0.999 for one draw a step; of several, a step is worth as many steps of one.

    Args:
        recipe: draws a step; the learning rate goes with their square root. Where that decays, Adam remembers no more
            than a third of the run where all latents move each step: else the first gradients, the largest, make all
            later steps of a short run small. Latents that take turns make fewer steps, and Adam remembers more of them.

    Returns:
        beta_1 and beta_2.

    Source: GSDD paper, section 4; the square root scaling rule, Malladi et al., NeurIPS 2022.
    """
    least = 0.0 if recipe.schedule == "constant" else 1 / MEMORY / max(1, recipe.iterations)
    # The usual first moment forgets a hundred times as fast as the second; in a short run three times has to do.
    forgotten = max(0.1 * recipe.draws, 3 * least), max(0.001 * recipe.draws, least)
    return max(0.0, 1 - forgotten[0]), max(0.0, 1 - forgotten[1])


class _Loop:
    def __init__(
        self,
        source: DistillationSource,
        inverted: Inverted,
        spaces: Spaces,
        run: Run,
        resume: Distillation | None,
        budget: Budget | None,
    ) -> None:
        self._inverted, self._spaces, self._run, self._budget = inverted, spaces, run, budget
        self._recipe, recipe = run.recipe, run.recipe.matching
        device = run.generator.device
        self._adam = StackedAdam(inverted.latents.to(device, copy=True), betas_of(recipe))
        near = tuple(crops.to(device) if fits(crops.nbytes, device) else crops for crops in source.real)
        self._source = replace(source, starts=beside(source.starts, device), real=near)
        self.steps, self.moving, self.pace = 0, 0, Pace()
        some_rest = any(count > recipe.latent_batch > 0 for count in source.counts)
        self._pictured = inverted.latents if recipe.class_mean == "whole" and some_rest else None
        if resume:
            self._adam.restore(resume.adam)
            self.steps, self._pictured = resume.iterations, resume.pictured
        self._pictures: Pictures | None = None
        self._arithmetic: Arithmetic | None = None

    def begin(self) -> None:
        """Before the first step, and where bf16 ends, make the images of latents at rest: all go through G."""
        bf16 = self._bf16
        if self._arithmetic is not None and self._arithmetic.bf16 == bf16:
            return
        self._arithmetic = None  # what one precision keeps is free before the other is recorded
        self._arithmetic = Arithmetic(self._source, self._spaces, self._run, bf16)
        if self._pictured is not None:
            if self._pictures is None:
                self._pictures = Pictures(self._pictured, self._run)
            self._pictures.make(self._arithmetic.network)

    @property
    def _bf16(self) -> bool:
        return self._recipe.computes_in_bf16(self.steps, self._recipe.matching.iterations)

    def next_seconds(self, slowest: float) -> float:
        """Say what the next step may take: the slowest so far, and where bf16 ends more, with all images made anew."""
        if self._arithmetic is None or self._arithmetic.bf16 == self._bf16:
            return slowest
        anew = len(self._inverted.latents) if self._pictures else 0
        return EXACT_COST * slowest + self._run.forward_seconds * self._passes(anew)

    @property
    def passes_of_first_step(self) -> int:
        """Count the latents that this process sends through G until the end of the first step; the way back is two."""
        resting = 0 if self._pictured is None else len(self._pictured)
        return self._passes(3 * len(self._picked().index)) + self._passes(resting)

    def _picked(self) -> Moving:
        return Moving.pick(self._source, self._recipe, self.steps, self._run.chunk)

    def _passes(self, latents: int) -> int:
        """Count the latents that this process sends through G when all share out so many."""
        return self._run.chunk * math.ceil(self._chunks(latents) / self._run.workers.size)

    def _chunks(self, latents: int) -> int:
        return math.ceil(latents / self._run.chunk)

    def state(self) -> Distillation:
        pictured = self._pictures.latents.to("cpu", copy=True) if self._pictures else self._pictured
        return Distillation(self._adam.state(), self.steps, self._inverted, pictured)

    def step(self) -> None:
        """Do the next step; where a device has no memory for it, again with half as many graphs kept: equal bits."""
        while True:
            try:
                return self._step()
            except torch.OutOfMemoryError:
                arithmetic = self._arithmetic
                # Others would wait in vain for what this process does not send a second time.
                if arithmetic is None or not arithmetic.kept or self._run.workers.size > 1:
                    raise
            arithmetic.kept = min(arithmetic.kept, self._chunks(len(self._inverted.latents))) // 2
            torch.cuda.empty_cache()

    def _step(self) -> None:
        moving = self._picked()
        z = self._as_used(moving.index)
        assert self._arithmetic is not None
        chunks = moving.deal(z, self._run.workers)
        made = self._arithmetic.images_of(chunks)
        loss = self._arithmetic.objective.backward(
            made.images, moving, self.steps, self._pictures.images if self._pictures else None
        )
        if self._pictures is not None:
            self._pictures.replace(moving, z, made.images)
        gradients = moving.gather(self._run.workers, made.backward())
        self._adam.move(gradients, self._lr(), moving.index)
        self.steps, self.moving = self.steps + 1, len(moving.index)
        self.pace.begun(loss)
        give_back_free_memory(loss.device)

    def _as_used(self, index: Tensor) -> Tensor:
        """Return latents of a step; towards the end as they will be stored, while Adam moves them as they are."""
        z = taken(self._adam.values, index)
        if self.steps < self._recipe.matching.iterations * (1 - self._recipe.matching.finish):
            return z
        if self._budget is None:
            return as_stored(z, self._recipe.storage.latent_codec)
        return self._budget.coded(Coefficients.of(z), index.tolist()).restored().to(z.device)

    def _lr(self) -> float:
        way = self._recipe.matching
        share = 1.0 if way.schedule == "constant" else share_of_rate(self.steps, way.iterations)
        return way.lr * RATES[self._recipe.features.family] * math.sqrt(way.draws) * share
