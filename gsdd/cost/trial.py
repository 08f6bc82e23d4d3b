"""A few real steps of a run, on one chunk of its latents, timed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TypeVar

import torch
from torch import Tensor

from gsdd.baselines.selection import Selector
from gsdd.baselines.starting import FEATURES
from gsdd.cost.flops import image_flops
from gsdd.cost.workload import Counts, Passes, moving
from gsdd.data.crops import Crop, grid_crops, read_crops
from gsdd.distill.bank import DistillationSource
from gsdd.distill.chunks import CHUNK, CROPS
from gsdd.distill.distiller import distill
from gsdd.distill.generator_pass import graph_bytes
from gsdd.distill.inversion import invert
from gsdd.distill.recipe import Recipe
from gsdd.distill.spaces import Spaces
from gsdd.plan import Plan

Result = TypeVar("Result")
# The first one also fills caches and allocates.
STEPS = 2


@dataclass(frozen=True)
class Trial:
    """What a few steps took, in seconds.

    Attributes:
        photo: reading one photo.
        herded: looking at one tile that latents may begin from; 0 where none is looked at.
        inversion_step: one step of a chunk.
        forward: G of one chunk, without the way back.
        draw: what a draw of (theta, omega) takes once, with fewer latents and real crops than the run's.
        step: one step of the distillation on one draw, with as many latents.
        moved: latents of each class that moved in it.
        real: crops of each class that it was matched with.
        flops: for one image.
        psi_bytes: what one theta takes.
        graph_bytes: what autograd keeps of one chunk.
    """

    photo: float
    herded: float
    inversion_step: float
    forward: float
    draw: float
    step: float
    moved: Counts
    real: Counts
    flops: Passes
    psi_bytes: int
    graph_bytes: int


@dataclass(frozen=True)
class _Sample:
    """A chunk of a run's latents, classes as mixed as in one of its steps, and as many real crops for each latent."""

    names: tuple[str, ...]
    moved: Counts
    crops: tuple[Crop, ...]
    tiles: tuple[tuple[Crop, ...], ...]


def run_trial(work: Plan) -> Trial:
    """Time two steps of the inversion and two of the distillation; nothing of them is kept.

    Args:
        work: the run.

    Returns:
        The second step's times, and what the first took on top.

    Raises:
        SourceError: a photo is gone or has changed.
    """
    sample = _sample(work)
    source, photo = _read(work, sample)
    spaces = Spaces.from_recipe(work.recipe, source.real, work.generator.device, work.backend)
    psi = spaces.fixed_psi()
    herded = _herded(work, source.real[0])
    recipe = trial_recipe(work.recipe)
    inverted, _, inversion_step = _timed(
        lambda tell: invert(source.pairs, work.generator, psi, recipe, backend=work.backend, progress=tell)
    )
    _, drawn, step = _timed(
        lambda tell: distill(source, inverted.latents, work.generator, spaces, recipe, progress=tell)
    )
    chunk = inverted.latents[:1].expand(CHUNK, -1, -1, -1).contiguous()
    began = time.monotonic()
    with torch.no_grad():
        work.generator(chunk.to(work.generator.device)).cpu()
    return Trial(
        photo=photo, herded=herded, inversion_step=inversion_step, forward=time.monotonic() - began, draw=drawn,
        step=step, moved=sample.moved, real=tuple(map(len, sample.tiles)),
        flops=image_flops(work.generator, psi, work.recipe.hr_size),
        psi_bytes=psi.bytes, graph_bytes=graph_bytes(work.generator.frozen, chunk.to(work.generator.device)),
    )  # fmt: skip


def _herded(work: Plan, crops: Tensor) -> float:
    if work.recipe.crops != "herding":
        return 0.0
    selector, some = Selector("herding", work.recipe.seed), crops[:1].expand(CROPS, -1, -1, -1)
    psi = selector.draw_psi(FEATURES, some)
    began = time.monotonic()
    selector.measured(some, psi)
    return (time.monotonic() - began) / CROPS


def trial_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe of a trial: all latents move at both steps, and the second meets the first's draw."""
    return replace(recipe, inversion_steps=STEPS, iterations=STEPS, latent_batch=0, draws=1, bank=1, finish=0.0)


def _timed(loop: Callable[[Callable[[int, int, float], None]], Result]) -> tuple[Result, float, float]:
    """Run a loop of `STEPS` steps; return its result, the seconds before its first step, and those of its last."""
    moments = [time.monotonic()]
    result = loop(lambda done, total, loss: moments.append(time.monotonic()))
    step = moments[-1] - moments[-2]
    return result, max(0.0, moments[1] - moments[0] - step), step


def _sample(work: Plan) -> _Sample:
    sizes = moving(work.recipe, work.counts)
    ends = [min(end, CHUNK) for end in accumulate(sizes, initial=0)]
    taken = {k: end - start for k, (start, end) in enumerate(pairwise(ends)) if end > start}
    starts = list(accumulate(work.counts, initial=0))
    return _Sample(
        names=tuple(work.class_names[k] for k in taken),
        moved=tuple(taken.values()),
        crops=tuple(crop for k, count in taken.items() for crop in work.crops[starts[k] : starts[k] + count]),
        tiles=tuple(_tiles(work, work.classes[k], count / sizes[k]) for k, count in taken.items()),
    )


def _tiles(work: Plan, class_number: int, share: float) -> tuple[Crop, ...]:
    """Choose as many real crops for each latent as in the run; norms of psi are calibrated with two at least."""
    limit = max(2, round(work.recipe.real_batch * share))
    return grid_crops(work.catalog, class_number, work.recipe.hr_size, limit=limit, seed=work.recipe.seed)


def _read(work: Plan, sample: _Sample) -> tuple[DistillationSource, float]:
    began = time.monotonic()
    pairs, *real = (
        torch.from_numpy(read_crops(work.catalog, crops, work.recipe.hr_size))
        for crops in (sample.crops, *sample.tiles)
    )
    seconds = (time.monotonic() - began) / sum(map(_photos, (sample.crops, *sample.tiles)))
    return DistillationSource(sample.names, sample.moved, pairs, tuple[Tensor, ...](real)), seconds


def _photos(crops: tuple[Crop, ...]) -> int:
    return len({(crop.class_index, crop.photo_index) for crop in crops})
