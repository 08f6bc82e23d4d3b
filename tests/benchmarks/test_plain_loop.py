"""The baseline of every ratio: the plain loop of benchmarks/ optimises what `distill` does."""

import itertools

import pytest
from recipes import changed
from scripts import script
from small_job import RECIPE, Losses, generator, matched, source, spaces, start


@pytest.mark.parametrize("features", ["local-fourier", "resnet18"])
def test_it_takes_the_steps_of_a_run_without_a_bank(photos, features):
    recipe = changed(
        RECIPE, features=features, iterations=3, lr=0.001, bank=0, real_batch=64, schedule="constant", finish=0
    )
    job, begun = source(photos), start(photos)
    told = Losses()
    matched(photos, recipe, monitor=told)
    steps = list(
        itertools.islice(script("plain_loop").plain_loop(job, begun, generator(), spaces(photos, recipe), recipe), 3)
    )
    assert told.losses == [pytest.approx(step.loss, rel=1e-3) for step in steps]
