"""What a run of gsdd works on, for benchmarks that call its stages themselves."""

from pathlib import Path
from typing import NamedTuple

import torch

from gsdd.data.crops import read_crops
from gsdd.distill.bank import DistillationSource
from gsdd.distill.run import Run
from gsdd.distill.spaces import Spaces
from gsdd.monitor import SILENT
from gsdd.recipe import FLAT, Recipe
from gsdd.run.choose import choose, real_crops, scan
from gsdd.run.chosen import Chosen
from gsdd.run.execution import Execution, begin


class RealJob(NamedTuple):
    """A run, what it makes latents of, the crops on both sides, and where (theta, omega) are drawn."""

    run: Run
    chosen: Chosen
    source: DistillationSource
    spaces: Spaces


def changed(recipe: Recipe, **values: object) -> Recipe:
    """Change some values of a recipe by the flat names that manifests have."""
    return recipe.changed({FLAT.get(name, name): value for name, value in values.items()})


def real_job(photos: Path, recipe: Recipe, device: str = "cpu") -> RealJob:
    """Look at the photos, choose crops and read them, as the first stages of `gsdd.compress` do."""
    run = begin(Path(), recipe, device, SILENT, Execution())
    chosen = choose(scan(photos, run), run)
    starts = torch.from_numpy(read_crops(chosen.catalog, chosen.crops, recipe.crops.hr_size))
    source = DistillationSource(chosen.class_names, chosen.counts, starts, real_crops(chosen.catalog, recipe))
    return RealJob(run, chosen, source, Spaces.of(run, source.real))
