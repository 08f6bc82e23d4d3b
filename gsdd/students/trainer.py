"""Student, averaged weights, discriminator and their optimisers: one step, and where they stand."""

import copy
import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gsdd.distill.parts import number_of
from gsdd.errors import DivergedError, RecipeError
from gsdd.parallel.device import multiplies_bf16
from gsdd.parallel.exact import exact_fp32
from gsdd.parallel.memory_error import advising
from gsdd.students.batches import Batch, Batches
from gsdd.students.curve import Curve
from gsdd.students.discriminator import MULTIPLE_OF, build_discriminator
from gsdd.students.losses import Terms, discriminator_loss, gan_terms, pixel_terms
from gsdd.students.named import build, find_student
from gsdd.students.optimiser import Optimiser
from gsdd.students.perceptual import Perceptual
from gsdd.students.recipe import TrainingRecipe
from gsdd.students.schedule import ema_decay, learning_rate

CONDITIONED = "sftgan"


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands, after a number of steps.

    Attributes:
        step: steps done.
        tensors: of networks and optimisers, by name.
        curve: from `Curve.to_dict`.
    """

    step: int
    tensors: Mapping[str, Tensor]
    curve: Mapping[str, Any]

    def parts(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Take the state apart, as a checkpoint keeps it."""
        return dict(self.tensors), {"step": self.step, "curve": dict(self.curve)}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> "TrainingState":
        """Put together what `parts` took apart; ValueError if that is no such state."""
        return cls(number_of(facts, "step"), tensors, Curve.checked(facts.get("curve")))


class Trainer:
    """Trains a student, step by step; a step is a function of the state and its number.

    Args:
        batches: the crops of each step.
        recipe: of the training.
        perceptual: features of the second stage's perceptual term; None leaves it out.
        device: where torch computes.

    Attributes:
        step: steps done.
        seconds: that each step in this process took.
        student: the network.
        averaged: its averaged weights; the same network where the recipe averages nothing.
        curve: what is told of the training.

    Raises:
        RecipeError: bf16 on a device without it, crops that the discriminator cannot halve, or no such student.
    """

    def __init__(
        self, batches: Batches, recipe: TrainingRecipe, perceptual: Perceptual | None, device: torch.device
    ) -> None:
        _check(recipe, device)
        self.recipe, self.device, self.step = recipe, device, 0
        self.seconds: list[float] = []
        self.curve = Curve(recipe.steps)
        self._batches, self._perceptual = batches, perceptual and perceptual.to(device)
        self._conditioned = find_student(recipe.student).architecture == CONDITIONED
        self.student = _placed(build(recipe.student, recipe.seed, recipe.size, scale=recipe.scale), device).train()
        self.averaged = copy.deepcopy(self.student).requires_grad_(False) if recipe.ema else self.student
        self._discriminator = _placed(self._build_discriminator(), device)
        self._adam = Optimiser(self.student, recipe)
        self._judge_adam = Optimiser(self._discriminator, recipe) if recipe.gan_iterations else None

    def advance(self) -> None:
        """Do the next step.

        Raises:
            DeviceMemoryError: the device has too little memory for it.
            DivergedError: a term of its loss is not finite.
        """
        began = time.monotonic()
        with self._arithmetic(), advising("a training step", self.device, "lower `batch` or `crop`"):
            batch, lr = self._batches.at(self.step, self.device), learning_rate(self.recipe, self.step)
            with self._autocast():
                images = self.enlarge(self.student, batch)
            terms = self._move(images.float(), batch, lr)
            self._average()
        values = self.curve.add(self.step, terms, lr)
        self.step += 1
        if lost := [name for name, value in values.items() if not math.isfinite(value)]:
            raise self._diverged(f"its loss ({', '.join(lost)}) is not finite")
        self.seconds.append(time.monotonic() - began)

    def enlarge(self, network: nn.Module, batch: Batch) -> Tensor:
        """Give a network's images of a batch, `[N, 3, s h, s w]`."""
        condition = (batch.condition(self.device),) if self._conditioned else ()
        images: Tensor = network(batch.lr, *condition)
        return images

    def check_weights(self) -> None:
        """Refuse weights that are not finite: a step's loss is of the weights before it.

        Raises:
            DivergedError: some are not.
        """
        for part, network in self._networks().items():
            if any(bool(value.isfinite().logical_not_().any()) for value in network.state_dict().values()):
                raise self._diverged(f"weights of the {part} network are not finite")

    def state(self) -> TrainingState:
        """Tell where the training stands; tensors are those that go on changing."""
        tensors = {f"{part}/{name}": value for part, found in self._parts().items() for name, value in found.items()}
        return TrainingState(self.step, tensors, self.curve.to_dict())

    def load(self, state: TrainingState) -> None:
        """Go on from a state of a training of the same recipe and pairs."""
        parts: dict[str, dict[str, Tensor]] = {}
        for name, value in state.tensors.items():
            part, _, rest = name.partition("/")
            parts.setdefault(part, {})[rest] = value
        for part, network in self._networks().items():
            network.load_state_dict(parts.get(part, {}))
        for part, adam in self._optimisers().items():
            adam.load(parts.get(part, {}))
        self.curve.load(state.curve)
        self.step = state.step

    def _move(self, images: Tensor, batch: Batch, lr: float) -> dict[str, Tensor]:
        if self._judge_adam is None or self.step < self.recipe.iterations:
            terms = pixel_terms(images, batch.hr)
            self._adam.step(terms.total, lr)
            return terms.parts
        with self._autocast():
            terms = self._gan_terms(images, batch)
        self._adam.step(terms.total, lr)
        with self._autocast():
            judged = discriminator_loss(self._discriminator, images, batch.hr)
        self._judge_adam.step(judged, lr)
        return {**terms.parts, "discriminator": judged}

    def _diverged(self, cause: str) -> DivergedError:
        rate = "gan_lr" if self.step > self.recipe.iterations else "lr"
        return DivergedError(
            f"the training diverged at step {self.step} of {self.recipe.steps}: {cause}; nothing is written but the "
            f"checkpoints from before; lower `TrainingRecipe.{rate}`, which is {getattr(self.recipe, rate):g}"
        )

    def _gan_terms(self, images: Tensor, batch: Batch) -> Terms:
        return gan_terms(images, batch.hr, self._discriminator, self._perceptual, self.recipe)

    @torch.no_grad()
    def _average(self) -> None:
        if self.averaged is not self.student:
            averaged: list[Tensor] = [*self.averaged.parameters()]
            torch._foreach_lerp_(averaged, [*self.student.parameters()], 1 - ema_decay(self.recipe, self.step))

    def _arithmetic(self) -> AbstractContextManager[None]:
        return exact_fp32(self.device.type) if self.recipe.precision == "fp32" else nullcontext()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16")

    def _build_discriminator(self) -> nn.Module:
        if not self.recipe.gan_iterations:
            return nn.Module()
        return build_discriminator(self.recipe.discriminator_channels, self.recipe.seed)

    def _networks(self) -> dict[str, nn.Module]:
        networks = {"student": self.student, "averaged": self.averaged, "discriminator": self._discriminator}
        return {name: each for name, each in networks.items() if name != "averaged" or each is not self.student}

    def _optimisers(self) -> dict[str, Optimiser]:
        judge = {"discriminator adam": self._judge_adam} if self._judge_adam else {}
        return {"adam": self._adam, **judge}

    def _parts(self) -> dict[str, Mapping[str, Tensor]]:
        networks = {name: each.state_dict() for name, each in self._networks().items()}
        return {**networks, **{name: each.tensors() for name, each in self._optimisers().items()}}


def _placed(network: nn.Module, device: torch.device) -> nn.Module:
    # Convolutions run in this layout without reordering their input first.
    return network.to(device).to(memory_format=torch.channels_last)


def _check(recipe: TrainingRecipe, device: torch.device) -> None:
    if recipe.gan_iterations and recipe.crop % MULTIPLE_OF:
        raise RecipeError(
            f"`TrainingRecipe.crop`: got {recipe.crop}, wanted a multiple of {MULTIPLE_OF}, since gan_iterations is "
            "not 0: the discriminator halves it three times"
        )
    if recipe.precision == "bf16" and not multiplies_bf16(device):
        raise RecipeError(
            f"`TrainingRecipe.precision`: got bf16, which the processor behind {device} does not have; take fp32"
        )
