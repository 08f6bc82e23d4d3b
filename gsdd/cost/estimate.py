"""The cost of a whole run, computed from a trial of a few steps. Every figure is an estimate."""

import resource
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch

from gsdd.baselines.starting import herding_pools
from gsdd.cost.trial import Trial, trial_recipe
from gsdd.cost.workload import (
    at_rest,
    chunks,
    distillation_start,
    distillation_step,
    draw,
    draws,
    inversion_ends,
    inversion_step,
    moving,
    signing,
    starts,
)
from gsdd.distill.chunks import CHUNK
from gsdd.distill.generator_pass import GRAPH_BYTES
from gsdd.distill.recipe import Recipe
from gsdd.distill.spill import RAM_BYTES
from gsdd.formats.container import ContainerName, size_of
from gsdd.formats.manifest import Manifest
from gsdd.plan import Plan

KILOBYTE = 1024
FLOAT_BYTES = 4
# The catalog, the pairs and the real crops: photos are decoded anew for each.
READINGS = 3
# Of each latent: z before and after, two moments of Adam, and all of that once more in a checkpoint.
LATENT_COPIES = 8
# Of each image of a step: G(z), its gradient, and what is made of them on the way.
IMAGE_COPIES = 4
# How much longer a step takes in fp32 than in bf16 (RRDBNet: 1.9, the compact net: 1.7; benchmarks/generator_rate.py).
EXACT_STEP = 1.9


@dataclass(frozen=True)
class Cost:
    """What a run is expected to take.

    Attributes:
        flops: by stage.
        seconds: by stage.
        memory: bytes at the peak, by what needs them.
        file_bytes: of the file.
    """

    flops: Mapping[str, int]
    seconds: Mapping[str, float]
    memory: Mapping[str, int]
    file_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name, each stage's and the total, as JSON has them."""
        parts = {"flops": self.flops, "seconds": self.seconds, "memory_bytes": self.memory}
        totals = {name: {**values, "total": sum(values.values())} for name, values in parts.items()}
        return {**totals, "bytes": self.file_bytes}


def estimate(work: Plan, trial: Trial, manifest: Manifest, container: ContainerName) -> Cost:
    """Compute the cost of a run from its beginning to its end.

    Args:
        work: the run.
        trial: a few of its steps.
        manifest: of the file that it will write.
        container: of that file.

    Returns:
        The cost. Time goes with FLOPs from the trial's step to the run's, which has as many real crops for a latent.
    """
    size = size_of(_filled(manifest, work), container)
    return Cost(expected_flops(work, trial), expected_seconds(work, trial), expected_memory(work, trial), size)


def expected_flops(work: Plan, trial: Trial) -> dict[str, int]:
    """Count the FLOPs of each stage, from those of one image."""
    recipe, latents, each = work.recipe, len(work.crops), trial.flops
    chunk = recipe.inversion_steps * inversion_step(recipe).flops(each) + inversion_ends(recipe).flops(each)
    start = distillation_start(recipe, work.counts).flops(each) + draws(recipe) * _draw_flops(work, trial)
    steps = start + recipe.iterations * distillation_step(recipe, work.counts).flops(each)
    return {
        "inversion": chunks(latents) * chunk,
        "distillation": steps if recipe.iterations else 0,
        "signatures": signing(latents).flops(each),
    }


def expected_seconds(work: Plan, trial: Trial) -> dict[str, float]:
    """Compute the time of each stage: what comes once, and so many times a step."""
    recipe, parts, each = work.recipe, chunks(len(work.crops)), trial.flops
    tried = trial_recipe(recipe)
    step = trial.step / distillation_step(tried, trial.moved).flops(each)
    drawn = trial.draw / draw(tried, trial.moved, trial.real).flops(each)
    pictures = starts(recipe) * parts * trial.forward if at_rest(recipe, work.counts) else 0.0
    steps = _in_trial_steps(recipe, recipe.iterations) * step * distillation_step(recipe, work.counts).flops(each)
    inversion_steps = _in_trial_steps(recipe, recipe.inversion_steps)
    return {
        "photos": trial.photo * work.catalog.images * READINGS + _choosing_seconds(work, trial),
        "inversion": parts * (inversion_steps * trial.inversion_step + 2 * trial.forward),
        "distillation": pictures + steps + draws(recipe) * drawn * _draw_flops(work, trial),
        "signatures": signing(len(work.crops)).generator * trial.forward / CHUNK,
    }


def _choosing_seconds(work: Plan, trial: Trial) -> float:
    """Compute the time that herding takes: its photos are read once more, and its tiles embedded."""
    if work.recipe.crops != "herding":
        return 0.0
    counts = dict(zip(work.classes, work.counts, strict=True))
    wanted = [counts.get(number, 0) for number in range(len(work.catalog.classes))]
    tiles = sum(map(len, herding_pools(work.catalog, wanted, work.recipe.hr_size, work.recipe.seed)))
    return trial.photo * work.catalog.images + tiles * trial.herded


def expected_memory(work: Plan, trial: Trial) -> dict[str, int]:
    """Compute the peak: what this process needed for the trial, and what a whole run has beyond that.

    Args:
        work: the run.
        trial: the steps that were made in this process.

    Returns:
        Bytes of the process with the weights and one chunk, of the other graphs and images of a step, of the draws that
        are held at once, of real crops, pairs and last images (beyond 32 MB each of these two lie on disk), and of
        latents with the state of Adam.
    """
    recipe, latents = work.recipe, len(work.crops)
    image = 3 * recipe.hr_size**2
    together = chunks(sum(moving(recipe, work.counts)))
    graphs = min(max(GRAPH_BYTES, trial.graph_bytes), together * trial.graph_bytes) - trial.graph_bytes
    images = sum(moving(recipe, work.counts)) * image * FLOAT_BYTES * IMAGE_COPIES
    real = len(work.counts) * recipe.real_crops * image
    stores = 2 if at_rest(recipe, work.counts) else 1
    return {
        "process": _peak_bytes(work.generator.device),
        "graphs": graphs + images,
        "draws": _held_draws(recipe) * trial.psi_bytes,
        "crops": stores * min(latents * image, RAM_BYTES) + real,
        "latents": latents * prod(work.generator.latent_shape(recipe.hr_size)) * FLOAT_BYTES * LATENT_COPIES,
    }


def _held_draws(recipe: Recipe) -> int:
    """Count the theta that are there at once; given weights are one for all draws."""
    held = min(recipe.bank or recipe.draws, recipe.iterations * recipe.draws)
    return min(held, 1) if recipe.feature_weights else held


def _in_trial_steps(recipe: Recipe, steps: int) -> float:
    """Express steps by those of the trial, which are all bf16 if any is."""
    exact = sum(not recipe.computes_in_bf16(number, steps) for number in range(steps))
    return steps + (EXACT_STEP - 1) * exact if recipe.precision == "bf16" else steps


def _draw_flops(work: Plan, trial: Trial) -> int:
    real = tuple(work.recipe.real_batch for _ in work.counts)
    return draw(work.recipe, work.counts, real).flops(trial.flops)


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE


def _filled(manifest: Manifest, work: Plan) -> Manifest:
    """Put numbers of the usual length where the run will put what comes of it."""
    decibels = dict.fromkeys(work.class_names, 24.68)
    steps = {"inversion_steps": work.recipe.inversion_steps, "iterations": work.recipe.iterations}
    run = {**manifest.run, **steps, "psnr_start": decibels, "psnr_inverted": decibels}
    return replace(manifest, run=run)
