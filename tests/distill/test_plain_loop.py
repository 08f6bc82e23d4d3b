"""The baseline of every ratio: the plain loop of benchmarks/ optimises what `distill` does."""

import importlib.util
import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_job import RECIPE, generator, source

from gsdd.distill.distiller import distill
from gsdd.distill.inversion import starting_latents
from gsdd.distill.spaces import Spaces

FILE = Path(__file__).parents[2] / "benchmarks" / "plain_loop.py"


def plain_loop():
    spec = importlib.util.spec_from_file_location("plain_loop", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.plain_loop


@pytest.mark.parametrize("features", ["local-fourier", "resnet18"])
def test_it_takes_the_steps_of_a_run_without_a_bank(photos, features):
    recipe = replace(
        RECIPE, features=features, iterations=3, lr=0.001, bank=0, real_batch=64, schedule="constant", finish=0
    )
    job = source(photos)
    start = starting_latents(job.pairs, 4, recipe)
    spaces = Spaces.from_recipe(recipe, job.real, torch.device("cpu"))
    losses = []
    distill(job, start, generator(), spaces, recipe, progress=lambda done, total, loss: losses.append(loss))
    steps = list(itertools.islice(plain_loop()(job, start, generator(), spaces, recipe), 3))
    assert losses == [pytest.approx(step.loss, rel=1e-3) for step in steps]
