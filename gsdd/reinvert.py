"""The inversion of a file's crops once more: a file keeps distilled latents, not the inverted ones they began as."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gsdd.compressor import real_crops
from gsdd.data.catalog import Catalog
from gsdd.distill.inversion import invert, starting_latents
from gsdd.distill.recipe import Recipe
from gsdd.distill.spaces import Spaces
from gsdd.formats.manifest import Manifest
from gsdd.generators.generator import Generator
from gsdd.pairs.decode import decode

Images = NDArray[np.uint8]


def recipe_of(manifest: Manifest) -> Recipe:
    """Read the recipe of a file, with the inversion steps that its run made.

    Args:
        manifest: of the file.

    Raises:
        RecipeError: a later version's recipe, with options that this one does not know.
    """
    options: dict[str, Any] = dict(manifest.recipe)
    recipe = Recipe.from_options("standard", options)
    steps = manifest.run.get("inversion_steps")
    return replace(recipe, inversion_steps=steps) if isinstance(steps, int) else recipe


def invert_again(manifest: Manifest, catalog: Catalog, generator: Generator, crops: Images) -> Images:
    """Repeat the inversion for some crops; their latents do not depend on which others there are.

    Args:
        manifest: of the file.
        catalog: its photos.
        generator: G.
        crops: x_k, uint8 `[N, 3, H, W]`.

    Returns:
        G(z') of the inverted latents, uint8 `[N, 3, H, W]`.

    Raises:
        RecipeError: the file's recipe has options that this version does not know.
    """
    recipe, pairs = recipe_of(manifest), torch.from_numpy(crops)
    spaces = Spaces.from_recipe(recipe, real_crops(catalog, recipe), generator.device)
    start = starting_latents(pairs, generator.scale, recipe)
    images: Images = decode(generator, invert(pairs, start, generator, spaces.fixed_psi(), recipe).latents).numpy()
    return images
