"""The search for latents: inversion, then distribution matching, from the start or from a checkpoint."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from gsdd.distill.bank import DistillationSource
from gsdd.distill.checkpoint import Checkpoint
from gsdd.distill.deadline import Deadline
from gsdd.distill.distiller import Distillation, distill
from gsdd.distill.inversion import InversionState, Inverted, invert
from gsdd.distill.journal import Journal
from gsdd.distill.recipe import Recipe
from gsdd.distill.spaces import Spaces
from gsdd.distill.spill import stored_crops
from gsdd.distill.workers import ALONE, Workers
from gsdd.metrics.psnr import psnr_of_error
from gsdd.plan import Plan, Progress

# With a time budget: the part of it that inversion may use. Matching starts from what it reached.
INVERSION_SHARE = 0.5

Note = Callable[[str], None]


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes:
        moved: the latents, and how many iterations they got.
        facts: of the inversion, for the file's manifest: steps, and PSNRs of each class in dB.
    """

    moved: Distillation
    facts: Mapping[str, Any]

    @property
    def run(self) -> dict[str, Any]:
        """Return the file's account of its run."""
        return {**self.facts, "iterations": self.moved.iterations}


def search(
    work: Plan,
    journal: Journal,
    deadline: Deadline,
    progress: Progress | None,
    note: Note | None,
    workers: Workers = ALONE,
    forward_seconds: float = 0.0,
) -> Search:
    """Find the latents of a plan.

    Args:
        work: photos, generator and recipe.
        journal: where an earlier run may have left a checkpoint, and this one leaves its own.
        deadline: when to stop and take what there is.
        progress: called with stage, steps done, steps in all, and the loss.
        note: called with where the search goes on, if it does.
        workers: the processes of the run.
        forward_seconds: what G takes for a latent, without the way back; 0 if that is not known.

    Returns:
        The latents, the same in every process.

    Raises:
        ProcessLostError: another process is gone.
        Interrupted: the journal was asked to stop.
        OutputError: there is a checkpoint of another run, or none can be written.
    """
    found = journal.read(note)
    if found and note:
        note(f"continuing {place(found, work.recipe)}")
    pairs = stored_crops(work.catalog, work.crops, work.recipe.hr_size, journal.path.parent)
    source = DistillationSource(work.class_names, work.counts, pairs, work.real_crops())
    spaces = Spaces.from_recipe(
        work.recipe, work.calibration_pool(source.real), work.generator.device, work.backend, workers
    )  # fmt: skip
    if note and (objection := work.generator.frozen.objection):
        note(f"generator {work.generator.reference.name}: {objection}; it runs a second time on the way back")
    steps = _Steps(work, source, spaces, journal, deadline, progress, workers, forward_seconds)
    if found and isinstance(found.state, Distillation):
        return steps.distill(found.state.latents, found.facts, found.state)
    inverted = steps.invert(found.state if found and isinstance(found.state, InversionState) else None)
    return steps.distill(inverted.latents, _facts(inverted, work), None)


@dataclass(frozen=True)
class _Steps:
    work: Plan
    source: DistillationSource
    spaces: Spaces
    journal: Journal
    deadline: Deadline
    progress: Progress | None
    workers: Workers
    forward_seconds: float

    def invert(self, resume: InversionState | None) -> Inverted:
        recipe = self.work.recipe
        return invert(
            self.source.pairs, self.work.generator, self.spaces.fixed_psi(), recipe, backend=self.work.backend,
            numbers=self.work.numbers, deadline=self.deadline.share(INVERSION_SHARE if recipe.iterations else 1.0),
            progress=self._tell("inversion"), resume=resume, keep=self.journal.keep,
            workers=self.workers, shares=self.work.budget.shares if self.work.budget else None,
        )  # fmt: skip

    def distill(self, latents: Tensor, facts: Mapping[str, Any], resume: Distillation | None) -> Search:
        moved = distill(
            self.source, latents, self.work.generator, self.spaces, self.work.recipe, self.deadline,
            self._tell("distillation"), resume=resume, keep=partial(self.journal.keep, facts=facts),
            workers=self.workers, directory=self.journal.path.parent, forward_seconds=self.forward_seconds,
            coding=self.work.coding,
        )  # fmt: skip
        return Search(moved, facts)

    def _tell(self, stage: str) -> Callable[[int, int, float], None] | None:
        return None if self.progress is None else partial(self.progress, stage)


def place(found: Checkpoint, recipe: Recipe) -> str:
    """Tell where a run goes on from a checkpoint."""
    if isinstance(found.state, Distillation):
        return f"the distillation at step {found.state.iterations} of {recipe.iterations}"
    first = len(found.state.done.latents) if found.state.done else 0
    return f"the inversion from latent {first} on, at step {int(found.state.adam.steps[0])} of {found.state.wanted}"


def _facts(inverted: Inverted, work: Plan) -> dict[str, Any]:
    return {
        "inversion_steps": inverted.steps,
        "psnr_start": _mean_decibels(inverted.error_start, work),
        "psnr_inverted": _mean_decibels(inverted.error, work),
    }


def _mean_decibels(errors: Tensor, work: Plan) -> dict[str, float]:
    """Average the PSNRs of each class; an exact image, of infinite PSNR, counts as 100 dB: JSON has no infinity."""
    decibels = psnr_of_error(errors).clamp(max=100).split(list(work.counts))
    return {name: round(float(part.mean()), 2) for name, part in zip(work.class_names, decibels, strict=True)}
