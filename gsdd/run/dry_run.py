"""All that a run would do, looked at, timed on a few warm steps, and told; nothing is written."""

import math
import os
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gsdd.data.crops import read_crops
from gsdd.distill import inversion, matching
from gsdd.distill.bank import DistillationSource
from gsdd.distill.generator_pass import GRAPH_BYTES
from gsdd.distill.inversion import Inverted, starting_latents
from gsdd.distill.moving import most_moving
from gsdd.distill.run import KeepsNothing, Run
from gsdd.distill.spaces import Spaces
from gsdd.distilled.decode import decode
from gsdd.distilled.signature import signed_latents
from gsdd.formats.container import size_of
from gsdd.generators.frozen import graph_bytes
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.chunks import CHUNK, CROPS, crops_of
from gsdd.parallel.memory import peak_bytes
from gsdd.recipe import Recipe, to_record
from gsdd.run.checkpoint import identity_of
from gsdd.run.choose import choose, real_crops, scan
from gsdd.run.chosen import Chosen
from gsdd.run.clock import StepClock
from gsdd.run.compress import PLAIN, STANDARD
from gsdd.run.execution import Execution, begin, check_target, searching
from gsdd.run.journal import Journal
from gsdd.run.optimise import place
from gsdd.run.quicker import quicker_ways
from gsdd.run.size import likely_facts

# The first one also compiles, allocates and fills caches, and does not count.
STEPS = 3
# On a GPU, where steps are short, and the host is ahead of the first few.
STEPS_ON_A_GPU = 17
# Of each latent: z before and after, two moments of Adam, and all of that once more in a checkpoint.
LATENT_COPIES = 8
# Of each image of a step: G(z), its gradient, and what is made of them on the way.
IMAGE_COPIES = 4
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Timings:
    """What warm pieces of work take, in seconds.

    Attributes:
        inversion: a step of one chunk of latents; in the search's precision, and exact.
        matching: a step of matching on one draw that moves one chunk, likewise.
        forward: G of a chunk, without the way back.
        psi: psi of some crops, without the way back.
        chunk: latents that go through G together.
        moved: the same in the matching.
        crops: crops that psi embeds together.
    """

    inversion: tuple[float, float]
    matching: tuple[float, float]
    forward: float
    psi: float
    chunk: int = CHUNK
    moved: int = CHUNK
    crops: int = CROPS


def dry_run(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    recipe: Recipe = STANDARD,
    device: str = "auto",
    monitor: Monitor = SILENT,
    execution: Execution = PLAIN,
) -> dict[str, Any]:
    """Tell what `gsdd.compress` with these arguments would make, and what that would cost.

    Args:
        source: as for `gsdd.compress`, and so are the rest.
        output: the file that would be written.
        recipe: everything that decides what is made.
        device: where torch computes.
        monitor: told of the photos.
        execution: how the run would be carried out.

    Returns:
        What would be made, `seconds` by stage, `memory_bytes` and `bytes` of the file, all estimated; under
        `quicker` what a run that is long on a CPU takes in other ways; and under `checkpoint` where the run would go
        on, None for the beginning; as JSON has them.

    Raises:
        GsddError: as `gsdd.compress` before its search.
    """
    target = Path(output)
    check_target(target, Path(source), force=execution.force)
    run = begin(target.parent, recipe, device, monitor, execution)
    with searching(run):
        return _foreseen(Path(source), target, run, execution)


def _foreseen(source: Path, target: Path, run: Run, execution: Execution) -> dict[str, Any]:
    began = time.perf_counter()
    catalog = scan(source, run)
    photos = time.perf_counter() - began
    chosen = choose(catalog, run)
    choosing = time.perf_counter() - began
    found = Journal(target, seconds=math.inf, monitor=run.monitor, force=execution.force).begin(
        identity_of(chosen.manifest)
    )  # fmt: skip
    timings, extra = _timed(chosen, replace(run, monitor=SILENT, journal=KeepsNothing()))
    seconds = {"photos": choosing + 2 * photos, **expected_seconds(chosen, run.recipe, timings)}
    memory = expected_memory(chosen, run, extra)
    known = {run.generator: timings}

    def expected(other: Run) -> dict[str, float]:
        if other.generator not in known:
            known[other.generator], _ = _timed(chosen, replace(other, monitor=SILENT, journal=KeepsNothing()))
        return {"photos": seconds["photos"], **expected_seconds(chosen, other.recipe, known[other.generator])}

    return {
        **chosen.to_dict(),
        "source_bytes": catalog.bytes,
        "generator": run.generator.reference.name,
        "recipe": to_record(run.recipe),
        "seconds": {**seconds, "total": sum(seconds.values())},
        "memory_bytes": {**memory, "total": sum(memory.values())},
        "bytes": chosen.budget.likely if chosen.budget else _size(chosen, run),
        "quicker": quicker_ways(run, sum(seconds.values()), expected),
        "checkpoint": place(found, run.recipe) if found else None,
        "path": str(target),
    }


def expected_seconds(chosen: Chosen, recipe: Recipe, timings: Timings) -> dict[str, float]:
    """Multiply what pieces take by how many of them a run has.

    Args:
        chosen: latents and classes.
        recipe: steps, batches and draws.
        timings: of the pieces.

    Returns:
        Seconds of inversion, matching and signatures.
    """
    latents, way, chunk, crops = len(chosen.crops), recipe.matching, timings.chunk, timings.crops
    steps, total = way.iterations, way.iterations * way.draws
    moving = most_moving(chosen.counts, recipe)
    resting = latents - moving if way.class_mean == "whole" else 0
    # Crops that psi sees: those at rest in each step, of further draws those that move too, and the real ones once.
    embedded = way.draws * _chunks(resting, crops) + 3 * (way.draws - 1) * _chunks(moving, crops)
    once = _chunks(len(chosen.counts) * way.real_batch, crops) + _chunks(latents, crops)
    drawn = min(2 * way.bank, total) if way.bank else total
    per_chunk = _of_both(recipe, recipe.inversion.steps, timings.inversion)
    return {
        "inversion": _chunks(latents, chunk) * (per_chunk + 2 * timings.forward),
        "matching": _chunks(moving, timings.moved) * _of_both(recipe, steps, timings.matching)
        + (steps * embedded + drawn * once) * timings.psi
        + (2 * _chunks(latents, chunk) * timings.forward if steps and resting else 0.0),
        "signatures": _chunks(len(signed_latents(chosen.manifest, chosen.class_index)), chunk) * timings.forward,
    }


def expected_memory(chosen: Chosen, run: Run, extra: tuple[int, int]) -> dict[str, int]:
    """Compute the peak: what this process needed for the timings, and what a whole run has beyond that.

    Args:
        chosen: latents and classes.
        run: recipe and generator.
        extra: bytes of what autograd keeps of a chunk, and of one theta.

    Returns:
        Bytes of the process with the weights and one chunk, of the other graphs and images of a step, of the draws that
        are held at once, of crops and last images, and of latents with the state of Adam.
    """
    recipe, latents, (graph, theta) = run.recipe, len(chosen.crops), extra
    image = 3 * recipe.crops.hr_size**2
    moving = most_moving(chosen.counts, recipe)
    step = moving * image * FLOAT_BYTES * IMAGE_COPIES
    held = min(recipe.matching.bank or recipe.matching.draws, recipe.matching.iterations * recipe.matching.draws)
    return {
        "process": peak_bytes(run.generator.device),
        "graphs": min(max(GRAPH_BYTES, graph), _chunks(moving, run.in_chunks_for(moving).chunk) * graph) - graph + step,
        "draws": (min(held, 1) if recipe.features.weights else held) * theta,
        "crops": (2 * latents + len(chosen.counts) * recipe.crops.real) * image,
        "latents": latents * prod(run.generator.latent_shape(recipe.crops.hr_size)) * FLOAT_BYTES * LATENT_COPIES,
    }


def _timed(chosen: Chosen, run: Run) -> tuple[Timings, tuple[int, int]]:
    """Time steps on one chunk of the run's latents, classes as mixed as in its steps."""
    counts = len(chosen.crops), most_moving(chosen.counts, run.recipe)
    chunk, moved = (run.in_chunks_for(count).chunk for count in counts)
    inverted, matched = (_sample(chosen, run, min(size, len(chosen.crops))) for size in (chunk, moved))
    spaces = Spaces.of(run, inverted.real)
    psi = spaces.fixed_psi()
    device, together = run.generator.device, crops_of(run.generator.device)
    crops = inverted.starts[:1].expand(together, -1, -1, -1).to(device)
    zeros = torch.zeros(chunk, *run.generator.latent_shape(run.recipe.crops.hr_size), device=device)
    inverting, moving = zip(*(_steps(inverted, matched, spaces, run, exact) for exact in (False, True)), strict=True)
    forward, embedded = _warm(lambda: decode(run.generator, zeros)), _warm(lambda: psi(crops))
    form = run.generator.search_form(False, moved, zeros.shape[2], run.backend)
    kept = graph_bytes(form, zeros[:1].expand(moved, -1, -1, -1))
    return Timings(inverting, moving, forward, embedded, chunk, moved, together), (kept, psi.bytes)


def _steps(
    inverted: DistillationSource, matched: DistillationSource, spaces: Spaces, run: Run, exact: bool
) -> tuple[float, float]:
    """Time a step of the inversion of one source, and of the matching of another."""
    steps = STEPS if run.generator.device.type == "cpu" else STEPS_ON_A_GPU
    changes = {
        "precision": "fp32" if exact else run.recipe.precision, "inversion.steps": steps, "matching.iterations": steps,
        "matching.latent_batch": 0, "matching.draws": 1, "matching.bank": 1, "matching.finish": 0.0,
    }  # fmt: skip
    clocks = StepClock(), StepClock()
    recipe = run.recipe.changed(changes)
    inversion.invert(inverted.starts, spaces.fixed_psi(), replace(run, recipe=recipe, monitor=clocks[0]))
    start = Inverted.by_no_step(starting_latents(matched.starts[:], run.generator.scale, recipe))
    matching.match(matched, start, spaces, replace(run, recipe=recipe, monitor=clocks[1]))
    return clocks[0].step, clocks[1].step


def _sample(chosen: Chosen, run: Run, count: int) -> DistillationSource:
    numbers = torch.linspace(0, len(chosen.crops) - 1, count).round().long().unique()
    classes = chosen.class_index[numbers]
    present = classes.unique().tolist()
    side = run.recipe.crops.hr_size
    starts = torch.from_numpy(read_crops(chosen.catalog, [chosen.crops[k] for k in numbers.tolist()], side))
    real = real_crops(chosen.catalog, run.recipe.changed({"crops.real": max(2, CROPS)}))
    counts = tuple(int((classes == number).sum()) for number in present)
    names = tuple(chosen.class_names[number] for number in present)
    return DistillationSource(names, counts, starts, tuple(real[number] for number in present))


@torch.no_grad()
def _warm(work: Callable[[], Tensor]) -> float:
    """Time the second of two calls."""
    moments = [time.perf_counter()]
    for _ in range(2):
        work().cpu()
        moments.append(time.perf_counter())
    return moments[2] - moments[1]


def _of_both(recipe: Recipe, steps: int, seconds: tuple[float, float]) -> float:
    fast = bisect_left(range(steps), True, key=lambda number: not recipe.computes_in_bf16(number, steps))
    return fast * seconds[0] + (steps - fast) * seconds[1]


def _chunks(count: int, size: int) -> int:
    return -(-count // size)


def _size(chosen: Chosen, run: Run) -> int:
    manifest = replace(chosen.manifest, run={**chosen.manifest.run, **likely_facts(chosen, run)})
    return size_of(manifest, chosen.container)
