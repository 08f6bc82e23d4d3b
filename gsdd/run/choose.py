"""The first two stages of a run: the photos, and the crops that latents begin from."""

from pathlib import Path

import torch
from torch import Tensor

from gsdd.data.catalog import Catalog
from gsdd.data.crops import latents_per_class, read_tiles
from gsdd.data.decisions import decisions
from gsdd.distill.budget import latents_for
from gsdd.distill.run import Run
from gsdd.recipe import DEFAULT_IPC, Recipe
from gsdd.run.chosen import Chosen
from gsdd.run.manifest import manifest_of
from gsdd.run.size import aimed
from gsdd.selection.sorting import sorted_photos
from gsdd.selection.starting import starting_crops


def scan(source: Path, run: Run) -> Catalog:
    """Look at every photo of a folder, and give each its class.

    Args:
        source: a folder with one folder of photos a class, or with photos.
        run: its recipe says which photos are taken, and what their classes are.

    Raises:
        SourceError: no usable photos, or an ambiguous layout.
        RecipeError: more clusters than photos.
    """
    catalog = sorted_photos(source, run.recipe.crops, run.recipe.seed, run.monitor)
    for line in decisions(catalog):
        run.monitor.note(line)
    return catalog


def choose(catalog: Catalog, run: Run) -> Chosen:
    """Choose the crop x_k that each latent begins from and is paired with.

    Args:
        catalog: the photos.
        run: its recipe says how many, how large, and how they are chosen.

    Raises:
        RecipeError: a class has fewer different crops than its count, or a file of the size wanted cannot hold so
            many latents.
        SourceError: a photo is gone or has changed.
    """
    recipe, crops = run.recipe, run.recipe.crops
    counts = latents_per_class(catalog, crops.ipc or _default_ipc(recipe, len(catalog.classes)))
    chosen = starting_crops(
        catalog, counts, crops.hr_size, recipe.seed, crops.method, run.monitor, run.generator.device
    )
    container = recipe.storage.container or ("deflated" if recipe.storage.target else "safetensors")
    return aimed(Chosen(catalog, counts, chosen, manifest_of(catalog, counts, chosen, run), container), run)


def _default_ipc(recipe: Recipe, classes: int) -> int:
    size = recipe.target_bytes(0)
    return latents_for(size, classes, recipe.crops.hr_size) if size else DEFAULT_IPC


def real_crops(catalog: Catalog, recipe: Recipe) -> tuple[Tensor, ...]:
    """Read the crops that a run with this recipe matches with.

    Args:
        catalog: the photos.
        recipe: size and number of crops, and the seed.

    Returns:
        uint8 `[M_c, 3, hr_size, hr_size]` a class.
    """
    tiles = read_tiles(catalog, recipe.crops.hr_size, limit=recipe.crops.real, seed=recipe.seed)
    return tuple(map(torch.from_numpy, tiles))
