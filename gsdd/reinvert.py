"""The inversion of a file's crops once more: a file keeps distilled latents, not the inverted ones they began as."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gsdd.data.catalog import Catalog
from gsdd.distill.inversion import Progress, invert
from gsdd.distill.recipe import Recipe
from gsdd.distill.spaces import Spaces
from gsdd.errors import RecipeError
from gsdd.formats.digest import file_digest
from gsdd.formats.manifest import Manifest
from gsdd.generators.generator import Generator
from gsdd.pairs.decode import decode
from gsdd.plan import real_crops

Images = NDArray[np.uint8]


def recipe_of(manifest: Manifest, feature_weights: Path | None = None) -> Recipe:
    """Read the recipe of a file, with the inversion steps that its run made.

    Args:
        manifest: of the file.
        feature_weights: the weights of psi, if the run was given some: the file holds only their digest.

    Returns:
        The recipe.

    Raises:
        RecipeError: a later version's recipe, or the weights are missing or others.
    """
    options: dict[str, Any] = dict(manifest.recipe)
    if options.get("feature_weights"):
        options["feature_weights"] = _found(str(options["feature_weights"]), feature_weights)
    steps = manifest.run.get("inversion_steps")
    return Recipe.from_options("standard", options | ({"inversion_steps": steps} if isinstance(steps, int) else {}))


def _found(digest: str, weights: Path | None) -> str:
    got = "nothing" if weights is None or not weights.is_file() else f"sha256 {file_digest(weights)}"
    if got != digest:
        raise RecipeError(f"the file was made with feature weights of {digest}; got {got}; give --feature-weights PATH")
    return str(weights)


def invert_again(
    manifest: Manifest,
    catalog: Catalog,
    generator: Generator,
    crops: Images,
    numbers: Sequence[int],
    feature_weights: Path | None = None,
    progress: Progress | None = None,
) -> Images:
    """Repeat the inversion of some latents; they do not depend on which others there are.

    Args:
        manifest: of the file.
        catalog: its photos.
        generator: G.
        crops: x_k, uint8 `[N, 3, H, W]`.
        numbers: which latents of the run these are; in a part, those of the whole.
        feature_weights: the weights of psi, if the run was given some.
        progress: called with steps done, steps in all, and the loss.

    Returns:
        G(z') of the inverted latents, uint8 `[N, 3, H, W]`.

    Raises:
        RecipeError: the file's recipe has options that this version does not know, or its weights are missing.
    """
    recipe = recipe_of(manifest, feature_weights)
    spaces = Spaces.from_recipe(recipe, real_crops(catalog, recipe), generator.device)
    inverted = invert(
        torch.from_numpy(crops), generator, spaces.fixed_psi(), recipe, numbers=numbers, progress=progress
    )
    images: Images = decode(generator, inverted.latents).numpy()
    return images
