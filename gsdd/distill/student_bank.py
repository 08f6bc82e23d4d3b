"""Students at several points of trainings on real crops, each with the mean gradient of real crops there."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gsdd.data.degradation import to_float
from gsdd.distill.bank import DistillationSource, real_batches
from gsdd.features.student import BATCH, Student, Views, trajectory
from gsdd.kernels.upload import uploaded
from gsdd.parallel.one_thread import one_thread
from gsdd.parallel.rows import taken
from gsdd.randomness import numpy_stream
from gsdd.recipe import Recipe

# Points of a training lie closer at its beginning, where gradients change most.
BENT = 1.7
# Of the mean square of a parameter: numbers that real crops hardly ever move shall not count for more than the others.
DAMPING = 0.01
TINY = 1e-30


@dataclass(frozen=True)
class Entry:
    """A student and what real crops ask of it.

    Attributes:
        student: with its weights.
        real: the mean gradient of real crops, `[P]`.
        square: the mean square of the gradients of batches of them, `[P]`: what Adam divides by.
    """

    student: Student
    real: Tensor
    square: Tensor

    @cached_property
    def _scales(self) -> Tensor:
        """Say what Adam makes a step of, for each number of a gradient."""
        parts = self.square.split(self.student.sizes)
        return torch.cat([(part + DAMPING * part.mean() + TINY).rsqrt() for part in parts])

    @cached_property
    def _direction(self) -> Tensor:
        return torch.nn.functional.normalize(self.real * self._scales, dim=0)

    def distance(self, gradient: Tensor) -> Tensor:
        """Give 1 - the cosine between the steps that Adam makes of two gradients: 0 for the same direction, at most 2.

        The length is free: a real mean is short, since many crops are flat, and images that had to meet it would lose
        their contrast.

        Args:
            gradient: the mean of synthetic images, `[P]`; gradient flows to it.
        """
        step = torch.nn.functional.normalize(gradient * self._scales, dim=0)
        return 1 - (step * self._direction).sum()


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
        return self._entry_of(self._students[training][point], number)

    def _entry_of(self, student: Student, number: int) -> Entry:
        """Average over real crops; classes count as they do among the latents."""
        real, square = torch.zeros(2, sum(student.sizes), device=self._device)
        for crops, count in zip(real_batches(self._source, self._recipe, number), self._source.counts, strict=True):
            share = count / sum(self._source.counts)
            for some, gradient in self._gradients(student, crops, number):
                real = real + gradient * (share / len(crops))
                square = square + (gradient / some).square() * (share * some / len(crops))
        return Entry(student, real, square)

    def _gradients(self, student: Student, crops: Tensor, number: int) -> Iterator[tuple[int, Tensor]]:
        """Sum the gradients of each batch."""
        stream = numpy_stream(self._recipe.seed, "views of real crops", number)
        views = Views.draw(len(crops), (crops.shape[-2], crops.shape[-1]), stream)
        for some in torch.arange(len(crops)).split(BATCH):
            hr = views.some(some.tolist()).of(to_float(uploaded(taken(crops, some), self._device)))
            yield len(some), student.gradient(hr)


def points(recipe: Recipe) -> list[int]:
    """Choose the steps of a training at which weights are kept."""
    last = max(1, recipe.features.checkpoints - 1)
    return [
        round(recipe.features.student_steps * (point / last) ** BENT) for point in range(recipe.features.checkpoints)
    ]
