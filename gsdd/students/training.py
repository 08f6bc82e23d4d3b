"""Pairs in memory -> a trained student: the call that a study makes thousands of times."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from gsdd.errors import Interrupted
from gsdd.students.batches import Batches
from gsdd.students.pairs import Pairs
from gsdd.students.perceptual import Found, find_perceptual
from gsdd.students.recipe import TrainingRecipe
from gsdd.students.trainer import Trainer

Stop = Callable[[], bool]
AfterStep = Callable[[Trainer], None]
STAGE = "training"


class Progress(Protocol):
    """Is told a stage, how much of it is done, how much there is, and where there is one the loss."""

    def __call__(self, stage: str, done: int, total: int, loss: float | None = None, /) -> None: ...


def unseen(stage: str, done: int, total: int, loss: float | None = None, /) -> None:
    """Pass over any progress."""


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


def train(
    pairs: Pairs,
    recipe: TrainingRecipe,
    *,
    found: Found | None = None,
    device: str = "cpu",
    stop: Stop | None = None,
    progress: Progress = unseen,
) -> Trained:
    """Train a student; no file is read or written.

    The same pairs, recipe, machine and number of threads give the same weights, bit for bit. No global generator is
    read or set.

    Args:
        pairs: to train on, such as `Pairs.of(hr)`.
        recipe: of the training.
        found: the features of the perceptual term; None looks for what the recipe says, where it has a second stage.
        device: where torch computes.
        stop: asked after each step whether to stop there.
        progress: told how many steps are done.

    Returns:
        The student.

    Raises:
        RecipeError: the recipe does not fit the pairs or the device.
        Interrupted: `stop` said so; what was trained is lost.
        MetricError: weights of the perceptual term are missing or damaged.
    """
    features = found or find_features(recipe)
    trainer = Trainer(Batches(pairs, recipe), recipe, features.perceptual, torch.device(device))

    def ask(trainer: Trainer) -> None:
        if stop is not None and stop():
            raise Interrupted(f"interrupted after step {trainer.step} of {recipe.steps}; nothing was kept")

    run(trainer, ask, progress)
    return trained(trainer, features)


def find_features(recipe: TrainingRecipe) -> Found:
    """Find the features of the recipe's perceptual term; none, and nothing to tell, without a second stage."""
    return find_perceptual(recipe.perceptual) if recipe.gan_iterations else Found(None, "")


def run(trainer: Trainer, after_step: AfterStep, progress: Progress = unseen) -> None:
    """Do all steps that are left.

    Args:
        trainer: new, or with a state loaded.
        after_step: called after each; what it raises ends the run.
        progress: told how many steps are done.
    """
    total = trainer.recipe.steps
    while trainer.step < total:
        trainer.advance()
        progress(STAGE, trainer.step, total, trainer.curve.last)
        after_step(trainer)


def trained(trainer: Trainer, features: Found) -> Trained:
    """Take the result out of a trainer that has done all its steps."""
    network = trainer.averaged.eval().cpu().to(memory_format=torch.contiguous_format)
    return Trained(network, trainer.curve.to_dict(), features.note)
