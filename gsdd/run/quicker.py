"""What a long run on a CPU would take with a smaller generator, or with fewer steps."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gsdd.configuration import settings
from gsdd.distill.run import Run
from gsdd.errors import GeneratorError
from gsdd.generators.load import load_generator
from gsdd.generators.named import NAMED
from gsdd.recipe import PRESETS, Recipe

# Seconds: nobody waits for less with impatience, and the smaller generator is timed too.
LONG = 3600.0
SMALLER, PRESET = "realesr-animevideov3", "quick"
# How many times fewer parameters make a generator a smaller one.
FEWER = 4

Seconds = Callable[[Run], Mapping[str, float]]


def quicker_ways(run: Run, seconds: float, expected: Seconds) -> list[dict[str, Any]]:
    """Estimate how long the same latents take in other ways, where a run on a CPU is long.

    Args:
        run: as it was asked for.
        seconds: that it is expected to take.
        expected: times a run's generator, and gives the seconds of each stage of the run with its recipe.

    Returns:
        `generator`, `preset`, or both, and the `seconds` that a run with them takes in all; nothing for a run that is
        not long. A generator that is not here is left out.
    """
    if run.generator.device.type != "cpu" or seconds < LONG:
        return []
    smaller = _smaller(run)
    ways = [
        ({"generator": SMALLER}, smaller),
        ({"preset": PRESET}, _with_fewer_steps(run)),
        ({"generator": SMALLER, "preset": PRESET}, smaller and _with_fewer_steps(smaller)),
    ]
    found = [({**names}, sum(expected(other).values())) for names, other in ways if other is not None]
    return [{**names, "seconds": taken} for names, taken in found if taken < seconds]


def _smaller(run: Run) -> Run | None:
    if NAMED[SMALLER].parameters * FEWER > run.generator.reference.parameters:
        return None
    try:
        return replace(run, generator=load_generator(SMALLER, device=str(run.generator.device)))
    except GeneratorError:
        return None


def _with_fewer_steps(run: Run) -> Run:
    """Take from the preset whatever it has smaller; the number of latents stays."""
    theirs = {entry.path: entry.value for entry in settings(PRESETS[PRESET])}
    plain = {entry.path: entry.value for entry in settings(Recipe())}
    own = {entry.path: entry.value for entry in settings(run.recipe)}
    changed = {path for path, value in theirs.items() if value != plain[path] and path != "crops.ipc"}
    return replace(run, recipe=run.recipe.changed({path: min(theirs[path], own[path]) for path in changed}))
