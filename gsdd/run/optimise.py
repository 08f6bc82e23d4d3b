"""The stages of a run that optimise latents: inversion, then distribution matching, from the start or a checkpoint."""

import math
import time
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gsdd.data.image_store import stored_crops
from gsdd.distill import inversion, matching
from gsdd.distill.bank import DistillationSource
from gsdd.distill.inversion import InversionState, Inverted
from gsdd.distill.matching import Distillation
from gsdd.distill.moving import most_moving
from gsdd.distill.run import Run
from gsdd.distill.spaces import Spaces
from gsdd.distilled.decode import CHUNK, decode
from gsdd.distilled.signature import signed_latents
from gsdd.errors import OutputError
from gsdd.formats.text import shown
from gsdd.metrics.psnr import psnr_of_error
from gsdd.parallel.chunks import CHUNK as USUAL_CHUNK
from gsdd.parallel.chunks import even
from gsdd.parallel.memory import give_back_free_memory
from gsdd.recipe import Recipe
from gsdd.run.checkpoint import identity_of
from gsdd.run.choose import real_crops
from gsdd.run.chosen import Chosen
from gsdd.run.warm_up import warm_up

# With a time budget: the part of it that inversion may use. Matching starts from what it reached.
INVERSION_SHARE = 0.5


@dataclass(frozen=True)
class Found:
    """Latents that the inversion found, and what the matching needs to continue.

    Attributes:
        chosen: what they stand for.
        source: their crops, and the real ones.
        spaces: where (theta, omega) are drawn.
        inverted: the latents.
        matched: where an earlier run's matching stood; None before its first checkpoint.
        warm_up: seconds that were spent on compiling, which a budget of time does not count.
    """

    chosen: Chosen
    source: DistillationSource
    spaces: Spaces
    inverted: Inverted
    matched: Distillation | None
    warm_up: float = 0.0


@dataclass(frozen=True)
class Matched:
    """Latents that the search found, and what it did.

    Attributes:
        chosen: what they stand for.
        state: the latents, and how many iterations they got.
        unordered: what the device has no deterministic algorithm for, by torch's names: the same run may give others.
        chunk: latents that went through G together, on which the last bits of each depend.
    """

    chosen: Chosen
    state: Distillation
    unordered: Set[str] = frozenset()
    chunk: int = USUAL_CHUNK

    @property
    def facts(self) -> dict[str, Any]:
        """Return the file's account of the run: steps, mean PSNRs of each class in dB, what was not deterministic."""
        inverted = self.state.inverted
        unordered = {"not_deterministic": sorted(self.unordered)} if self.unordered else {}
        chunk = {"chunk": self.chunk} if self.chunk != USUAL_CHUNK else {}
        return {
            **unordered,
            **chunk,
            "inversion_steps": inverted.steps,
            "psnr_start": self._mean_decibels(inverted.error_start),
            "psnr_inverted": self._mean_decibels(inverted.error),
            "iterations": self.state.iterations,
        }

    def _mean_decibels(self, errors: Tensor) -> dict[str, float]:
        """Average the PSNRs of each class; an exact image, of infinite PSNR, counts as 100 dB: JSON has no infinity."""
        decibels = psnr_of_error(errors).clamp(max=100).split(list(self.chosen.counts))
        return {
            name: round(float(part.mean()), 2) for name, part in zip(self.chosen.class_names, decibels, strict=True)
        }


def invert(chosen: Chosen, run: Run) -> Found:
    """Find the latents whose images are nearest to their crops (Eq. 3-5).

    Args:
        chosen: the crops.
        run: with its journal, where an earlier run of the same command may have left a checkpoint.

    Raises:
        ProcessLostError: another process is gone.
        Interrupted: the run was asked to stop.
        OutputError: there is a checkpoint of another run, or none can be written.
    """
    state = run.journal.begin(identity_of(chosen.manifest))
    if state is not None:
        _check_fits(state, chosen, run)
        run.monitor.note(f"continuing {place(state, run.recipe)}")
    starts = stored_crops(chosen.catalog, chosen.crops, run.recipe.crops.hr_size, run.directory)
    source = DistillationSource(chosen.class_names, chosen.counts, starts, real_crops(chosen.catalog, run.recipe))
    spaces = Spaces.of(run, source.real)
    if objection := run.generator.frozen.objection:
        run.monitor.note(
            f"generator {shown(run.generator.reference.name)}: {objection}; it runs a second time on the way back"
        )
    spent = warm_up(source, spaces, run) if run.deadline.is_set else 0.0
    if isinstance(state, Distillation):
        return Found(chosen, source, spaces, state.inverted, state, spent)
    searching = _searching(chosen, run, spent)
    share = INVERSION_SHARE if run.recipe.matching.iterations else 1.0
    searching = replace(searching, deadline=searching.deadline.share(share))
    resume = state if isinstance(state, InversionState) else None
    inverted = inversion.invert(starts, spaces.fixed_psi(), searching, resume, chosen.budget)
    return Found(chosen, source, spaces, inverted, None, spent)


def match(found: Found, run: Run) -> Matched:
    """Move the latents by distribution matching (Eq. 7-9).

    Args:
        found: the latents.
        run: its recipe says how.

    Raises:
        ProcessLostError: another process is gone.
        Interrupted: the run was asked to stop.
        OutputError: no checkpoint can be written.
    """
    chosen, searching = found.chosen, _searching(found.chosen, run, found.warm_up)
    _note_of_idle_processes(chosen, run)
    state = matching.match(found.source, found.inverted, found.spaces, searching, found.matched, chosen.budget)
    give_back_free_memory(run.generator.device)
    wanted = {"inversion_steps": run.recipe.inversion.steps, "iterations": run.recipe.matching.iterations}
    matched = Matched(chosen, state, chunk=run.chunk)
    if short := _left_undone(matched.facts, wanted):
        run.monitor.note(f"cut by a time budget: {short}")
    return matched


def _note_of_idle_processes(chosen: Chosen, run: Run) -> None:
    moving = most_moving(chosen.counts, run.recipe)
    chunks = math.ceil(moving / run.in_chunks_for(moving).chunk)
    if run.recipe.matching.iterations and chunks < run.workers.size:
        smaller = even(moving, math.ceil(moving / run.workers.size))
        run.monitor.note(
            f"matching moves {moving} latents at once, {min(moving, run.in_chunks_for(moving).chunk)} on one process: "
            f"{run.workers.size - chunks} of {run.workers.size} processes wait; "
            f"`Recipe.chunk={smaller}` shares them out evenly, and makes another file"
        )


def place(state: InversionState | Distillation, recipe: Recipe) -> str:
    """Say where a run continues from a checkpoint."""
    if isinstance(state, Distillation):
        return f"the matching at step {state.iterations} of {recipe.matching.iterations}"
    first = len(state.done.latents) if state.done else 0
    return f"the inversion from latent {first} on, at step {int(state.adam.steps[0])} of {state.wanted}"


def _check_fits(state: InversionState | Distillation, chosen: Chosen, run: Run) -> None:
    """Refuse a checkpoint that says it is of this run, and holds other latents."""
    done = state.latents if isinstance(state, Distillation) else state.done.latents if state.done else None
    count = 0 if done is None else len(done)
    whole = isinstance(state, Distillation)
    if state.latent_shape != tuple(run.generator.latent_shape(run.recipe.crops.hr_size)) or (
        count != len(chosen.crops) if whole else count >= len(chosen.crops)
    ):
        raise OutputError(
            f"the checkpoint holds {count} latents of {list(state.latent_shape)}, which are not those of this run; "
            "remove it to start anew"
        )


def _searching(chosen: Chosen, run: Run, spent: float) -> Run:
    """Leave time, where a deadline is set, to decode the images that are signed once the search has ended.

    Args:
        chosen: what is searched.
        run: its deadline counts from its beginning.
        spent: seconds on compiling, by which the deadline is later.
    """
    if not run.deadline.is_set:
        return run
    chunk_seconds = _decoding_seconds(run)
    signed = len(signed_latents(chosen.manifest, chosen.class_index))
    left = run.deadline.earlier(chunk_seconds * math.ceil(signed / CHUNK / run.workers.size) - spent)
    return replace(run, deadline=left, forward_seconds=chunk_seconds / CHUNK)


def _decoding_seconds(run: Run) -> float:
    """Time the decoding of a chunk."""
    began = time.monotonic()
    decode(run.generator, torch.zeros(1, *run.generator.latent_shape(run.recipe.crops.hr_size)))
    return time.monotonic() - began


def _left_undone(facts: Mapping[str, Any], wanted: Mapping[str, int]) -> str:
    return ", ".join(f"{facts[name]} of {steps} {name}" for name, steps in wanted.items() if facts[name] < steps)
