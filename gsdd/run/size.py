"""A size that the file is to have: the bytes of each latent, and the codec's step that the search works with."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from gsdd.data.degradation import downscale, to_float
from gsdd.data.image_store import stored_crops
from gsdd.distill.budget import OCTAVE, Budget, Latents
from gsdd.distill.run import Run
from gsdd.formats import container as files
from gsdd.formats.codec import Codec
from gsdd.formats.dct_codec import STEPS, DctCodec
from gsdd.formats.manifest import Manifest
from gsdd.run.chosen import Chosen

# Images that are scaled down at once.
_TOGETHER = 64
# Of its target, what a file should have at least.
LEAST = 0.97

Signatures = np.ndarray[Any, np.dtype[np.uint8]]


def aimed(chosen: Chosen, run: Run) -> Chosen:
    """Choose the step that the search works with, so that what it finds will about meet the size.

    Args:
        chosen: the crops, and what the file will say of them.
        run: its recipe has the size.

    Returns:
        The same with a budget; as it was if the file may have any size.

    Raises:
        RecipeError: a file of the size cannot hold so many latents.
        SourceError: a photo is gone or has changed.
    """
    target = run.recipe.target_bytes(len(chosen.crops))
    if target is None:
        return chosen
    latents = _starting(chosen, run)
    told = replace(chosen.manifest, run={**chosen.manifest.run, **likely_facts(chosen, run)})
    # Steps that differ, as the file's will.
    codec = DctCodec().at_each(2.0 ** (np.random.default_rng(0).integers(-OCTAVE, 0, len(latents)) / OCTAVE))
    unlike = np.random.default_rng(0).integers(0, 256, told.signature_shape, np.uint8)
    size = file_size(chosen, told, latents, unlike, codec)
    budget = Budget.of(target, size - codec.stream_bytes(latents), latents)
    run.monitor.note(_explained(chosen, budget))
    # The step that the search begins with is told in the recipe.
    recipe = {**chosen.manifest.recipe, "codec_step": budget.step}
    return replace(chosen, manifest=replace(chosen.manifest, recipe=recipe), budget=budget)


def file_size(chosen: Chosen, manifest: Manifest, latents: Latents, signatures: Signatures, codec: Codec) -> int:
    """Compute the size of the file that latents make.

    Args:
        chosen: what they stand for.
        manifest: what the file says.
        latents: float32 `[N, 3, h, w]`.
        signatures: of their images.
        codec: that stores them.
    """
    arrays = files.Arrays(latents, chosen.photo_index, signatures)
    return files.size_with(manifest, arrays, codec=codec, container=chosen.container)


def unmet(budget: Budget, size: int) -> str | None:
    """Say that a file has not its size, and why; None if it has."""
    if size > budget.bytes:
        return f"{size:,} bytes, more than the {budget.bytes:,} wanted: the latents that were found take no fewer"
    if size < LEAST * budget.bytes:
        finest = "latents are as fine as they can be; a higher `ipc` would use the rest"
        return f"{size:,} of {budget.bytes:,} bytes: {finest if budget.step == STEPS[0] else 'no step comes nearer'}"
    return None


def likely_facts(chosen: Chosen, run: Run) -> dict[str, object]:
    """Stand in for what a run will tell, in as many bytes."""
    draw = np.random.default_rng(0)
    start, inverted = (
        {name: round(float(value), 2) for name, value in zip(chosen.class_names, row, strict=True)}
        for row in draw.uniform(20, 30, (2, len(chosen.counts)))
    )
    steps = {"inversion_steps": run.recipe.inversion.steps, "iterations": run.recipe.matching.iterations}
    return {**steps, "psnr_start": start, "psnr_inverted": inverted}


def _starting(chosen: Chosen, run: Run) -> Latents:
    crops = stored_crops(chosen.catalog, chosen.crops, run.recipe.crops.hr_size, run.directory)
    rows = torch.arange(len(crops)).split(_TOGETHER)
    return torch.cat([downscale(to_float(crops[some]), run.generator.scale) for some in rows]).numpy()


def _explained(chosen: Chosen, budget: Budget) -> str:
    latents, counts = len(chosen.crops), ", ".join(map(str, sorted(set(chosen.counts))))
    each = (budget.bytes - budget.overhead) / latents
    bpp = 8 * budget.bytes / (latents * chosen.manifest.hr_size**2)
    if budget.step == STEPS[0]:
        return (
            f"target {budget.bytes:,} bytes: {latents} latents ({counts} a class) take about {budget.likely:,} at most"
        )
    return (
        f"target {budget.bytes:,} bytes, {bpp:.2f} bits for each HR pixel: {budget.overhead:,} beside latents, about "
        f"{each:,.0f} for each of {latents} ({counts} a class); the search begins with a step of {budget.step:.3g}"
    )
