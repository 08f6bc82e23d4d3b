"""Each kind of step once, thrown away: a budget of time counts from when kernels are compiled."""

import time
from dataclasses import replace

import torch
from torch import Tensor

from gsdd.distill import inversion, matching
from gsdd.distill.bank import DistillationSource
from gsdd.distill.inversion import Inverted
from gsdd.distill.run import NEVER, NOTHING, Run
from gsdd.distill.spaces import Spaces
from gsdd.distilled.decode import decode
from gsdd.monitor import SILENT


def warm_up(source: DistillationSource, spaces: Spaces, run: Run) -> float:
    """Compile what the steps of a run need, for its own shapes, and fill caches.

    A first step on a GPU takes many times as long as later ones where Triton has compiled nothing before. On a CPU
    nothing is compiled and a first step is like any other, so that none is made.

    Args:
        source: crops and classes of the run.
        spaces: where it draws (theta, omega).
        run: as it will search.

    Returns:
        Seconds that this took.
    """
    if run.generator.device.type == "cpu":
        return 0.0
    began = time.monotonic()
    precisions = dict.fromkeys((run.recipe.precision, "fp32"))
    for number, precision in enumerate(precisions):
        run.monitor.progress("warm-up", number, len(precisions))
        changes = {
            "precision": precision, "inversion.steps": 1, "matching.iterations": min(1, run.recipe.matching.iterations)
        }  # fmt: skip
        trial = replace(run, monitor=SILENT, journal=NOTHING, deadline=NEVER, recipe=run.recipe.changed(changes))
        _step(source, spaces, trial)
    decode(run.generator, _latents(1, run))
    return time.monotonic() - began


def _step(source: DistillationSource, spaces: Spaces, run: Run) -> None:
    chunk = run.in_chunks_for(len(source.starts)).chunk
    inversion.invert(source.starts[:chunk], spaces.fixed_psi(), run)
    matching.match(source, Inverted.by_no_step(_latents(len(source.starts), run)), spaces, run)


def _latents(count: int, run: Run) -> Tensor:
    return torch.zeros(count, *run.generator.latent_shape(run.recipe.crops.hr_size))
