"""The crops of each step: a function of (seed, step), so that a resumed training sees what it would have seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from gsdd.data.served import Degradation, Draw, find_degradation
from gsdd.errors import RecipeError
from gsdd.networks.categories import category_condition
from gsdd.pairs.draws import View, permuted
from gsdd.randomness import hashed, numpy_stream
from gsdd.students.pairs import Pairs, Pixels
from gsdd.students.recipe import TrainingRecipe

TURNS = 8


@dataclass(frozen=True)
class Batch:
    """Crops of one step.

    Attributes:
        lr: float32 RGB `[N, 3, h, w]` in [0, 1], channels last.
        hr: float32 RGB `[N, 3, s h, s w]` in [0, 1], s the scale, channels last.
        classes: the class of each crop.
    """

    lr: Tensor
    hr: Tensor
    classes: tuple[str, ...]

    def condition(self, device: torch.device) -> Tensor:
        """Give the category condition of each crop, float32 `[N, 8, 4, 4]`."""
        return category_condition(self.classes).to(device)


@dataclass(frozen=True)
class Batches:
    """Every pair comes once before any comes again; where it is cut and how it is turned is drawn for each step anew.

    Args:
        pairs: to train on.
        recipe: of the training.

    Raises:
        RecipeError: there is no pair, one is smaller than a crop, or they are of another scale.
    """

    pairs: Pairs
    recipe: TrainingRecipe

    def __post_init__(self) -> None:
        """Refuse pairs that no crop can be cut from."""
        if not len(self.pairs):
            raise RecipeError("there are no pairs to train on; wanted at least one")
        if self.pairs.scale != self.recipe.scale:
            raise RecipeError(f"`scale`: got {self.recipe.scale}, but the pairs are of scale {self.pairs.scale}")
        for image, name in zip(self.pairs.hr, self.pairs.names, strict=True):
            if min(image.shape[1:]) < self.recipe.crop:
                raise RecipeError(
                    f"`TrainingRecipe.crop`: got {self.recipe.crop}, but {name} has {image.shape[2]}x{image.shape[1]} "
                    "pixels; take a smaller crop, or larger images"
                )

    def at(self, step: int, device: torch.device) -> Batch:
        """Give the crops of a step.

        Args:
            step: from 0.
            device: where they shall lie.

        Returns:
            The crops.
        """
        draws = [self._draw(step * self.recipe.batch + place) for place in range(self.recipe.batch)]
        numbers = [draw.pair for draw in draws]
        views = self._views(step, numbers)
        side, scale = self.recipe.crop // self.recipe.scale, self.recipe.scale
        high = [view.of(self.pairs.hr[number], side, scale) for number, view in zip(numbers, views, strict=True)]
        hr, classes = _floats(high).to(device), tuple(self.pairs.classes[number] for number in numbers)
        if self._degradation:
            return Batch(_last(self._degradation(hr.contiguous(), draws)), hr, classes)
        low = [view.of(self.pairs.lr[number], side, 1) for number, view in zip(numbers, views, strict=True)]
        return Batch(_floats(low).to(device), hr, classes)

    @cached_property
    def _degradation(self) -> Degradation | None:
        return find_degradation(self.recipe.degradation, self.recipe.scale)

    def _draw(self, visit: int) -> Draw:
        """Find the pair of a visit, and how many times it was visited before."""
        epoch, place = divmod(visit, len(self.pairs))
        order = hashed(self.recipe.seed, f"order of the pairs in epoch {epoch}")
        return Draw(self.recipe.seed, permuted(place, len(self.pairs), order), epoch)

    def _views(self, step: int, numbers: list[int]) -> list[View]:
        shares = numpy_stream(self.recipe.seed, "views of a training step", step).random((len(numbers), 3)).tolist()
        return [
            self._view(*self.pairs.lr[number].shape[1:], *share) for number, share in zip(numbers, shares, strict=True)
        ]

    def _view(self, height: int, width: int, *shares: float) -> View:
        side = self.recipe.crop // self.recipe.scale
        limits = (height - side + 1, width - side + 1, TURNS)
        top, left, turn = (int(share * limit) for share, limit in zip(shares, limits, strict=True))
        return View(top, left, bool(turn & 1), bool(turn & 2), bool(turn & 4))


def _last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)


def _floats(images: Iterable[Pixels]) -> Tensor:
    stack = np.stack([image.transpose(1, 2, 0) for image in images])
    floats = np.divide(stack, np.float32(255), dtype=np.float32)
    return torch.from_numpy(floats).permute(0, 3, 1, 2)
