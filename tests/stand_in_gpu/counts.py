"""Count what a step with a codec, and the choice of crops, ask of the GPU that stands in; a line of JSON each."""

import json
import os
import sys
from collections.abc import Callable, Iterator

import stand_in
import torch

from gsdd.distill.budget import Budget
from gsdd.distill.coding import Coding
from gsdd.distill.stored import as_stored
from gsdd.formats.codecs import CODECS
from gsdd.parallel.determinism import determinism
from gsdd.recipe import Recipe
from gsdd.selection.facility_location import facility_location
from gsdd.selection.herding import herding

RECIPE = Recipe.preset("quick").changed({"storage.codec": "dct", "inversion.steps": 1})


def coding(budget: Budget | None) -> Callable[[], object]:
    """What an inversion does around G, on a chunk of a GPU."""
    z, codec = torch.zeros(64, 3, 32, 32, device="cuda"), Coding(RECIPE, range(64), budget)
    return lambda: (codec.begin(z, 1), codec.term(z))


def cases() -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield a name, and what is counted."""
    budget = Budget(0, 0, 0.05, (100.0,) * 64)
    yield "dct", coding(None)
    yield "dct of a target", coding(budget)
    latents = torch.zeros(56, 3, 32, 32, device="cuda")
    for name, codec in CODECS.items():
        yield f"stored as {name}", lambda codec=codec: as_stored(latents, codec)
    rows = torch.zeros(100, 64, dtype=torch.float64, device="cuda")
    for count in (2, 20):
        yield f"herding {count}", lambda count=count: herding(rows, count)
        yield f"gradient {count}", lambda count=count: facility_location(rows, count)


if __name__ == "__main__":
    with determinism("cuda") as unordered:
        for name, work in cases():
            work()  # tables of a codec are put there once
            before = stand_in.seen()
            work()
            found = {event: count - before[event] for event, count in stand_in.seen().items()}
            sys.stdout.write(f"found {json.dumps({'work': name, **found})}\n")
    sys.stdout.write(f"found {json.dumps({'work': 'all of it', 'not_deterministic': sorted(unordered.names)})}\n")
    sys.stdout.flush()
    os._exit(0)  # at a common end torch would ask the driver for more than there is
