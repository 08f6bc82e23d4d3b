"""Pairs in memory -> a trained student."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gsdd.errors import Interrupted, OutputError
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.device import pick_device
from gsdd.run.checkpoint import Kinds
from gsdd.run.journal import Journal
from gsdd.students.batches import Batches
from gsdd.students.pairs import Pairs
from gsdd.students.perceptual import Found, find_perceptual
from gsdd.students.recipe import TrainingRecipe
from gsdd.students.trainer import Trainer, TrainingState

AfterStep = Callable[[Trainer], None]

KINDS: Kinds = {"training": TrainingState}


@dataclass(frozen=True)
class Keeping:
    """How a training is kept while it runs.

    Attributes:
        seconds: least time between two checkpoints.
        force: start anew where there is a checkpoint that cannot be continued.
        monitor: hears how many steps are done, and is asked after each whether to stop there.
    """

    seconds: float = 60.0
    force: bool = False
    monitor: Monitor = SILENT


@dataclass(frozen=True)
class Trained:
    """A trained student.

    Attributes:
        network: the averaged weights where the recipe averages, else the last; eval mode, contiguous, on the CPU.
        curve: from `Curve.to_dict`.
        perceptual: a line that says which perceptual term the second stage had; empty without that stage.
    """

    network: nn.Module
    curve: Mapping[str, Any]
    perceptual: str = ""


def train_in_memory(
    pairs: Pairs,
    recipe: TrainingRecipe,
    *,
    found: Found | None = None,
    device: str = "auto",
    monitor: Monitor = SILENT,
) -> Trained:
    """Train a student; no file is read or written.

    The same pairs, recipe, machine and number of threads give the same weights, bit for bit. No global generator is
    read or set.

    Args:
        pairs: to train on, such as `Pairs.of(hr)`.
        recipe: of the training.
        found: the features of the perceptual term; None looks for what the recipe says, where it has a second stage.
        device: where torch computes.
        monitor: hears how many steps are done, and is asked after each whether to stop there.

    Returns:
        The student.

    Raises:
        RecipeError: the recipe does not fit the pairs or the device.
        Interrupted: the monitor said so; what was trained is lost.
        MetricError: weights of the perceptual term are missing or damaged.
    """
    features = found or find_features(recipe)
    trainer = Trainer(Batches(pairs, recipe), recipe, features.perceptual, torch.device(pick_device(device)))

    def ask(trainer: Trainer) -> None:
        if monitor.should_stop():
            raise Interrupted(f"interrupted after step {trainer.step} of {recipe.steps}; nothing was kept")

    run(trainer, ask, monitor)
    return trained(trainer, features)


def find_features(recipe: TrainingRecipe, file: Path | None = None) -> Found:
    """Find the features of the recipe's perceptual term; none, and nothing to tell, without a second stage.

    Args:
        recipe: of the training.
        file: as for `find_perceptual`.
    """
    return find_perceptual(recipe.perceptual, file) if recipe.gan_iterations else Found(None, "")


def run(trainer: Trainer, after_step: AfterStep, monitor: Monitor = SILENT) -> None:
    """Do all steps that are left.

    Args:
        trainer: new, or with a state loaded.
        after_step: called after each; what it raises ends the run.
        monitor: hears how many steps are done, and the loss.
    """
    total = trainer.recipe.steps
    while trainer.step < total:
        trainer.advance()
        monitor.progress("training", trainer.step, total, trainer.curve.last)
        after_step(trainer)


def train_resumably(
    trainer: Trainer, output: Path, identity: Mapping[str, Any], after_step: AfterStep, keeping: Keeping
) -> Journal:
    """Do all steps of a training, from where an earlier run of the same command was interrupted.

    Args:
        trainer: new.
        output: the file that the training will write; checkpoints lie beside it, hidden.
        identity: what decides the result, JSON values by a name that a user knows.
        after_step: called after each step, before a checkpoint is written.
        keeping: how often a checkpoint is written, and who watches.

    Returns:
        The journal, to be ended once the output is there.

    Raises:
        OutputError: a checkpoint is damaged, of a run with another recipe or data, or cannot be written.
        Interrupted: the monitor said so; the checkpoint is written.
    """
    journal = Journal(output, seconds=keeping.seconds, monitor=keeping.monitor, force=keeping.force, kinds=KINDS)
    state = journal.begin(identity)
    if state is not None:
        try:
            trainer.load(state)
        except (RuntimeError, LookupError, TypeError, ValueError) as error:
            raise OutputError(f"{journal.path}: holds no state of this training; remove it to start anew") from error
        keeping.monitor.note(f"continuing after step {state.step} of {trainer.recipe.steps}")

    def keep(trainer: Trainer) -> None:
        after_step(trainer)
        journal.keep(trainer.state)

    run(trainer, keep, keeping.monitor)
    return journal


def trained(trainer: Trainer, features: Found) -> Trained:
    """Take the result out of a trainer that has done all its steps; DivergedError where it is not finite."""
    trainer.check_weights()
    network = trainer.averaged.eval().cpu().to(memory_format=torch.contiguous_format)
    return Trained(network, trainer.curve.to_dict(), features.note)
