"""Students at several points of trainings on real crops, each with the mean gradient of real crops there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gsdd.data.degradation import to_float
from gsdd.distill.bank import DistillationSource
from gsdd.features.student import Student, Views, trajectory
from gsdd.parallel.chunks import crops_of
from gsdd.parallel.one_thread import one_thread
from gsdd.parallel.rows import taken
from gsdd.randomness import numpy_stream
from gsdd.recipe import Recipe

# Points of a training lie closer at its beginning, where gradients change most.
BENT = 1.7


@dataclass(frozen=True)
class Entry:
    """A student and what real crops ask of it.

    Attributes:
        student: with its weights.
        real: the mean gradient of real crops, `[P]`.
    """

    student: Student
    real: Tensor

    @cached_property
    def _shares(self) -> Tensor:
        """Weigh each number of a gradient: parameters count alike, each relative to its real gradient."""
        parts = self.real.split(self.student.sizes)
        shares = [(1 / (len(parts) * part.square().sum())).expand(len(part)) for part in parts]
        return torch.cat(shares)

    def distance(self, gradient: Tensor) -> Tensor:
        """Give the squared distance to the real gradient relative to its square, the mean over parameters.

        Args:
            gradient: the mean of synthetic images, `[P]`; gradient flows to it.
        """
        return ((gradient - self.real).square() * self._shares).sum()


class StudentBank:
    """The entries of a run, numbered from 0; draw n is one of the K of its round, which come in an order of its own.

    An entry is a function of the seed, the real crops and its number: a run that goes on makes the same ones again.

    Args:
        source: real crops.
        recipe: `matching.bank` is K, of which 0 makes every draw a new one; `real_batch`, crops of a class behind a
            real gradient; `features.checkpoints` and `student_steps`, of the trainings.
        device: where students compute.
    """

    def __init__(self, source: DistillationSource, recipe: Recipe, device: torch.device) -> None:
        self._source, self._recipe, self._device = source, recipe, device
        self._entries: dict[int, Entry] = {}
        self._students: dict[int, list[Student]] = {}

    def __getitem__(self, number: int) -> Entry:
        """Return the entry of a draw; where it is made, on one thread of the CPU."""
        with one_thread():
            return self._drawn(number)

    def _drawn(self, number: int) -> Entry:
        size = self._recipe.matching.bank
        if not size:
            return self._entry(number)
        order = numpy_stream(self._recipe.seed, "order of students", number // size).permutation(size)
        place = int(order[number % size])
        if place not in self._entries:
            self._entries[place] = self._entry(place)
        return self._entries[place]

    def _entry(self, number: int) -> Entry:
        training, point = divmod(number, self._recipe.features.checkpoints)
        if training not in self._students:
            crops, seed = torch.cat(list(self._source.real)), self._recipe.seed
            kept = trajectory(crops, points(self._recipe), seed, training, self._device)
            self._students = {**({} if not self._recipe.matching.bank else self._students), training: kept}
        student = self._students[training][point]
        return Entry(student, self._real_gradient(student, number))

    def _real_gradient(self, student: Student, number: int) -> Tensor:
        """Average over real crops; classes count as they do among the latents."""
        total = torch.zeros((), device=self._device)
        for crops, count in zip(self._real_batches(number), self._source.counts, strict=True):
            total = total + sum(self._gradients(student, crops, number)) * count / len(crops)
        return total / sum(self._source.counts)

    def _gradients(self, student: Student, crops: Tensor, number: int) -> Iterator[Tensor]:
        stream = numpy_stream(self._recipe.seed, "views of real crops", number)
        views = Views.draw(len(crops), (crops.shape[-2], crops.shape[-1]), stream)
        for some in torch.arange(len(crops)).split(crops_of(self._device)):
            hr = views.some(some.tolist()).of(to_float(taken(crops, some).to(self._device)))
            yield student.gradient(hr)

    def _real_batches(self, number: int) -> Sequence[Tensor]:
        batches = []
        for name, crops in zip(self._source.class_names, self._source.real, strict=True):
            stream = numpy_stream(self._recipe.seed, f"real batch of {name}", number)
            index = torch.from_numpy(stream.permutation(len(crops))[: self._recipe.matching.real_batch])
            batches.append(taken(crops, index))
        return batches


def points(recipe: Recipe) -> list[int]:
    """Choose the steps of a training at which weights are kept."""
    last = max(1, recipe.features.checkpoints - 1)
    return [
        round(recipe.features.student_steps * (point / last) ** BENT) for point in range(recipe.features.checkpoints)
    ]
