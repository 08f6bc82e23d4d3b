"""How a run is carried out: what decides nothing of what it makes; and the run as it begins."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gsdd.distill.deadline import Deadline
from gsdd.distill.omega import Dsa
from gsdd.distill.run import Run
from gsdd.distill.spaces import feature_spec
from gsdd.errors import KernelInputError, RecipeError
from gsdd.formats.atomic import check_output, check_outside
from gsdd.formats.endings import check_place
from gsdd.formats.text import shown
from gsdd.generators.generator import Generator
from gsdd.generators.load import load_generator
from gsdd.kernels.backend import Backend, choose
from gsdd.monitor import Monitor
from gsdd.parallel.determinism import Watched, determinism
from gsdd.parallel.device import announcing, multiplies_bf16, pick_device
from gsdd.parallel.exact import exact_fp32
from gsdd.parallel.memory_error import advising
from gsdd.parallel.waiting import note_of_waiting
from gsdd.parallel.workers import ALONE, Workers
from gsdd.recipe import Precision, Recipe
from gsdd.run.journal import checkpoint_paths


@dataclass(frozen=True)
class Execution:
    """How a run is carried out.

    Attributes:
        backend: `auto` takes Triton kernels on a GPU and PyTorch elsewhere; `reference` or `triton` takes that one.
        time_budget: seconds after which the run stops cleanly and writes what it has; None has no limit.
        checkpoint_seconds: least time between two checkpoints, at least 0.
        force: replace an existing output, and a checkpoint of another run beside it.
        workers: the processes that make the run together, from `gsdd.parallel.workers.joined`; rank 0 writes.

    Raises:
        RecipeError: a value that makes no sense.
    """

    backend: Backend = "auto"
    time_budget: float | None = None
    checkpoint_seconds: float = 60.0
    force: bool = False
    workers: Workers = ALONE

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not self.checkpoint_seconds >= 0:
            raise RecipeError(f"`checkpoint_seconds`: got {self.checkpoint_seconds}, wanted a number of at least 0")


def begin(directory: Path, recipe: Recipe, device: str, monitor: Monitor, execution: Execution) -> Run:
    """Begin a run: its deadline counts from now, and its generator is loaded.

    Args:
        directory: where its output lies.
        recipe: its choices.
        device: where torch computes.
        monitor: of the run.
        execution: how it is carried out.

    Returns:
        The run; its recipe says what the search computes in on this machine.

    Raises:
        RecipeError: the recipe makes no run, here or anywhere.
        GeneratorError: no usable generator.
    """
    deadline = Deadline.after(execution.time_budget)
    # Slips in the parts of a recipe that are text are told before any weights or photo is read.
    Dsa.from_recipe(recipe.augmentation)
    feature_spec(recipe)
    place = pick_device(device)
    monitor = announcing(monitor, device, place)
    generator = load_generator(os.fspath(recipe.generator), device=place)
    _check_backend(execution.backend, generator)
    if generator.device.type == "cpu":
        note_of_waiting(monitor)
    generator.latent_shape(recipe.crops.hr_size)
    settled = replace(recipe, precision=_precision(recipe, generator))
    return Run(
        settled, generator, monitor, execution.workers, deadline, backend=execution.backend, directory=directory
    )  # fmt: skip


@contextmanager
def searching(run: Run) -> Iterator[Watched]:
    """Compute as a search does: in fp32 that is fp32, with sums in one order, and with advice where memory is short.

    Args:
        run: its device, and the side of its images.

    Yields:
        What the device has no fixed order for, complete at the end of the block.

    Raises:
        DeviceMemoryError: the device has too little memory for a chunk of latents.
    """
    device, side = run.generator.device, run.recipe.crops.hr_size
    advice = "lower `Recipe.chunk` or `hr_size`, or take a smaller `generator`"
    memory = advising(f"a search of {side}x{side} images", device, advice)
    with exact_fp32(device.type), determinism(device.type) as watched, memory:
        yield watched


def check_target(output: Path, source: Path, *, force: bool = False) -> None:
    """Refuse an output that a run could not write, before it starts.

    Args:
        output: the file to be written.
        source: the folder of photos.
        force: whether the file may exist.

    Raises:
        OutputError: it exists, cannot be written, or lies among the photos.
    """
    check_outside(output, source)
    check_place(output, force=force)
    for path in checkpoint_paths(output):
        check_output(path, force=True)


def _precision(recipe: Recipe, generator: Generator) -> Precision:
    if recipe.precision == "auto":
        return "bf16" if multiplies_bf16(generator.device) and generator.computes_in_bf16 else "fp32"
    if recipe.precision == "bf16" and not generator.computes_in_bf16:
        raise RecipeError(
            f"`Recipe.precision`: got 'bf16', in which generator {shown(generator.reference.name)} does not run; "
            "wanted fp32 or auto"
        )
    return recipe.precision


def _check_backend(backend: Backend, generator: Generator) -> None:
    try:
        choose(backend, torch.empty(0, device=generator.device))
    except KernelInputError as error:
        raise RecipeError(str(error)) from error
