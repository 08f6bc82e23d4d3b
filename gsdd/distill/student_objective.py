"""Eq. 9 with a student's gradient as the space: latents are moved until they teach it what real crops do."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gsdd.data.degradation import to_float
from gsdd.data.image_store import Images
from gsdd.distill.bank import DistillationSource
from gsdd.distill.moving import Moving
from gsdd.distill.objective import Objective
from gsdd.distill.student_bank import Entry, StudentBank
from gsdd.features.student import Views
from gsdd.kernels.upload import uploaded
from gsdd.parallel.chunks import chunk_indices, crops_of
from gsdd.parallel.one_thread import one_thread
from gsdd.parallel.rows import taken
from gsdd.parallel.workers import Workers
from gsdd.randomness import numpy_stream
from gsdd.recipe import Recipe


class StudentObjective:
    """The loss of a step and its gradient in the images, as `Objective` has it for features.

    L_dis is the angle between the mean gradients of the student's loss, over all classes together: a student is trained
    on all of them. R is the mean squared difference of what that loss says of each pixel of G(z_k) and of x_k, seen
    alike.

    Args:
        source: classes and pairs.
        bank: students with their real gradients.
        recipe: lambda, and draws a step.
        workers: the processes that share out the images.
        features: Eq. 9 in a space of features, which is added: images that are matched by a student alone teach that
            kind of student.

    Source: GSDD paper, Eq. 9; gradients in place of features as in Zhao et al., "Dataset Condensation with Gradient
    Matching", ICLR 2021, of the whole set at once, and by the steps that Adam makes of them.
    """

    def __init__(
        self,
        source: DistillationSource,
        bank: StudentBank,
        recipe: Recipe,
        workers: Workers,
        features: Objective,
    ) -> None:
        self._source, self._bank, self._recipe, self._workers = source, bank, recipe, workers
        self._features = features

    def backward(self, images: Sequence[Tensor], moving: Moving, number: int, pictures: Images | None) -> Tensor:
        """Add dL/dHR, averaged over the draws of a step, to the images' gradients; as `Objective.backward`."""
        draws = self._recipe.matching.draws
        numbers = range(number * draws, (number + 1) * draws)
        with one_thread():
            losses = [self._backward_of(self._bank[k], self._views(k), images, moving, pictures) for k in numbers]
        return torch.stack(losses).double().sum() + self._features.backward(images, moving, number, pictures)

    def _backward_of(
        self, entry: Entry, views: Views, images: Sequence[Tensor], moving: Moving, pictures: Images | None
    ) -> Tensor:
        lam = self._recipe.matching.lam
        own = self._own(moving)
        seen = [views.some(index).of(image[: len(index)].float()) for image, index in zip(images, own, strict=True)]
        sums = [entry.student.gradient(hr, differentiable=True) for hr in seen]
        pairs = [self._pairs(entry, views, hr, index) for hr, index in zip(seen, own, strict=True)]
        resting = moving.resting(len(self._source.starts)) if pictures is not None else moving.index[:0]
        count, chunks = len(moving.index) + len(resting), -(-len(moving.index) // moving.chunk)
        mean = self._sum_of(sums, chunks)
        if pictures is not None and len(resting):
            mean = mean + self._gradient_of(entry, views, pictures, resting)
        mean = (mean / count).requires_grad_(True)
        distance = entry.distance(mean)
        (slope,) = torch.autograd.grad(distance, mean)
        share = 1 / (self._recipe.matching.draws * count)
        for image, part, pair in zip(images, sums, pairs, strict=True):
            (share * ((1 - lam) * (part * slope).sum() + lam * pair)).backward(inputs=[image])
        loss = (1 - lam) * distance.detach() + lam * self._sum_of(pairs, chunks) / count
        return loss / self._recipe.matching.draws

    def _views(self, number: int) -> Views:
        size = (self._source.starts.shape[-2], self._source.starts.shape[-1])
        return Views.draw(len(self._source.starts), size, numpy_stream(self._recipe.seed, "views", number))

    def _own(self, moving: Moving) -> list[list[int]]:
        """List the latents of this process's chunks, without padding."""
        chunks = [index[:real].tolist() for index, real in chunk_indices(moving.index, moving.chunk)]
        return [chunks[k] for k in self._workers.deal(len(chunks))]

    def _pairs(self, entry: Entry, views: Views, hr: Tensor, index: Sequence[int]) -> Tensor:
        """Sum R over some latents."""
        if not self._recipe.matching.lam:
            return hr.new_zeros(())
        starts = uploaded(taken(self._source.starts, torch.tensor(index)), hr.device)
        with torch.no_grad():
            wanted = entry.student.error(views.some(index).of(_as_float(starts)))
        return (entry.student.error(hr) - wanted).square().mean(dim=(1, 2, 3)).sum()

    def _gradient_of(self, entry: Entry, views: Views, pictures: Images, resting: Tensor) -> Tensor:
        """Sum the gradients of latents at rest, which do not move; processes share them out."""
        device = entry.real.device
        chunks = [index[:real] for index, real in chunk_indices(resting, crops_of(device))]
        mine = []
        for index in (chunks[k] for k in self._workers.deal(len(chunks))):
            made = _as_float(uploaded(taken(pictures, index), device))
            mine.append(entry.student.gradient(views.some(index.tolist()).of(made)))
        return self._sum_of(mine, len(chunks))

    def _sum_of(self, mine: Sequence[Tensor], count: int) -> Tensor:
        """Add up what the processes have, chunk by chunk: in one order for any number of them."""
        return torch.stack(self._workers.gather([part.detach() for part in mine], count)).sum(dim=0)


def _as_float(images: Tensor) -> Tensor:
    return images if images.is_floating_point() else to_float(images)
