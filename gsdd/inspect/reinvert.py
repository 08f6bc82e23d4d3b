"""The inversion of a file's crops once more: a file keeps distilled latents, not the inverted ones they began as."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsdd.data.catalog import Catalog
from gsdd.distill.inversion import invert
from gsdd.distill.run import Run
from gsdd.distill.spaces import Spaces
from gsdd.distilled.decode import decode
from gsdd.errors import RecipeError
from gsdd.features.extractor import FeatureExtractor
from gsdd.formats.digest import file_digest
from gsdd.formats.manifest import Manifest
from gsdd.recipe import Recipe, from_record
from gsdd.run.choose import real_crops
from gsdd.run.clock import StepClock, duration
from gsdd.run.dry_run import STEPS, STEPS_ON_A_GPU

Images = NDArray[np.uint8]
Deep = NDArray[np.float32]

# What a stranger's file may have this machine repeat: ten times what the paper's preset takes.
MOST_STEPS = 10_000
MOST_FILTERS = 1 << 14


def recipe_of(manifest: Manifest, feature_weights: Path | None = None) -> Recipe:
    """Read the recipe of a file, with the inversion steps that its run made.

    Args:
        manifest: of the file.
        feature_weights: the weights of psi, if the run was given some: the file holds only their digest.

    Returns:
        The recipe.

    Raises:
        RecipeError: a later version's recipe, one that would take very long, or the weights are missing or others.
    """
    recipe, steps = from_record(manifest.recipe), manifest.run.get("inversion_steps")
    weights = _found(recipe.features.weights, feature_weights) if recipe.features.weights else ""
    found = recipe.changed(
        {
            "features.weights": weights, "crops.hr_size": manifest.hr_size,
            "inversion.steps": recipe.inversion.steps if steps is None else steps,
        }
    )  # fmt: skip
    if found.inversion.steps > MOST_STEPS or found.features.filters > MOST_FILTERS:
        raise RecipeError(
            f"the file says that it was made by {found.inversion.steps} steps of inversion in {found.features.filters} "
            f"features; at most {MOST_STEPS} and {MOST_FILTERS} are repeated: give no source"
        )
    return found


def _found(digest: str, weights: Path | None) -> str:
    got = "nothing" if weights is None or not weights.is_file() else f"sha256 {file_digest(weights)}"
    if got != digest:
        raise RecipeError(f"the file was made with feature weights of {digest}; got {got}; give `feature_weights=PATH`")
    return str(weights)


def _tell_how_long(crops: Tensor, psi: FeatureExtractor, run: Run) -> None:
    """Time a few steps of one chunk, and tell what all of them will take."""
    steps, chunk = run.recipe.inversion.steps, run.in_chunks_for(len(crops)).chunk
    clock = StepClock()
    timed = STEPS if run.generator.device.type == "cpu" else STEPS_ON_A_GPU
    trial = replace(run, monitor=clock, recipe=run.recipe.changed({"inversion.steps": min(timed, max(2, steps))}))
    invert(crops[:chunk], psi, trial)
    seconds = clock.step * steps * math.ceil(len(crops) / chunk)
    run.monitor.note(
        f"{len(crops)} crops are inverted again in {steps} steps, which takes about {duration(seconds)}; compress can "
        "draw the same at the end of its run without that"
    )


def invert_again(run: Run, catalog: Catalog, crops: Images | Deep, numbers: Sequence[int]) -> Images:
    """Repeat the inversion of some latents; they do not depend on which others there are.

    Args:
        run: the recipe of the file, its generator and a monitor.
        catalog: its photos.
        crops: x_k, uint8 `[N, 3, H, W]`, or float32 in [0, 1].
        numbers: which latents of the file these are.

    Returns:
        G(z') of the inverted latents, uint8 `[N, 3, H, W]`.
    """
    psi = Spaces.of(run, real_crops(catalog, run.recipe)).fixed_psi()
    pixels = torch.from_numpy(crops)
    _tell_how_long(pixels, psi, run)
    inverted = invert(pixels, psi, run, numbers=numbers)
    return decode(run.generator, inverted.latents, grey=catalog.grey).numpy()
