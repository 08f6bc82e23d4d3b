"""Meet a size that the file is to have: the codec's step before the search, and the one that is stored."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gsdd.data.degradation import downscale, to_float
from gsdd.distill.budget import OCTAVE, Budget, Latents, meeting
from gsdd.distill.embedding import class_index
from gsdd.distill.spill import stored_crops
from gsdd.formats import container as files
from gsdd.formats.codec import Codec
from gsdd.formats.dct_codec import STEPS, DctCodec
from gsdd.formats.manifest import Manifest
from gsdd.plan import Plan
from gsdd.search import Note

# Images that are scaled down at once.
_TOGETHER = 64
# Signatures are not known before the step is, and deflate to some bytes more or less: tries, and what each leaves more.
_ATTEMPTS = 4
_MARGIN = 16
# Of its target, what a file should have at least.
LEAST = 0.97

Signatures = np.ndarray[Any, np.dtype[np.uint8]]
Signed = Callable[[Codec], Signatures]


def default_container(work: Plan) -> files.ContainerName:
    """Choose the container where the user does not: where bytes count, the one that takes fewest."""
    return "deflated" if work.recipe.has_target else "safetensors"


def aimed(
    work: Plan, manifest: Manifest, container: files.ContainerName, directory: Path, note: Note | None = None
) -> Plan:
    """Choose the step that the search works with, so that what it finds will about meet the size.

    Args:
        work: the run.
        manifest: what its file will say, as far as it is known.
        container: of the file.
        directory: where images may be kept that memory shall not hold.
        note: called with what was chosen.

    Returns:
        The run with a step and a budget; as it was if the file may have any size.

    Raises:
        RecipeError: a file of the size cannot hold so many latents.
        SourceError: a photo is gone or has changed.
    """
    if not work.recipe.has_target:
        return work
    target, latents = work.recipe.target_bytes(len(work.crops)), _starting(work, directory)
    told = replace(manifest, run={**manifest.run, **_likely_facts(work)})
    # Steps that differ, as the file's will.
    codec = DctCodec().at_each(2.0 ** (np.random.default_rng(0).integers(-OCTAVE, 0, len(latents)) / OCTAVE))
    unlike = np.random.default_rng(0).integers(0, 256, manifest.signature_shape, np.uint8)
    overhead = _size(work, told, latents, container, unlike, codec) - codec.stream_bytes(latents)
    budget = Budget.of(target, overhead, latents)
    if note:
        note(_explained(work, budget))
    return replace(work, recipe=replace(work.recipe, codec_step=budget.step), budget=budget)


def fitted(
    work: Plan, manifest: Manifest, latents: Tensor, container: files.ContainerName, signed: Signed
) -> tuple[Codec, Signatures]:
    """Choose the codec that latents are stored by: as the recipe says, or so that the file has its size.

    Args:
        work: the run.
        manifest: what its file says.
        latents: all that were found, float32 `[N, 3, h, w]`.
        container: of the file.
        signed: gives the signatures that a codec's images have; they depend on it, and deflate to more or fewer bytes.

    Returns:
        The codec, and its signatures. Where no step meets the size, the file will be larger or smaller.
    """
    if work.budget is None:
        codec: Codec = work.recipe.latent_codec
        return codec, signed(codec)
    values = latents.numpy()
    chosen = work.budget.codec_for(values, range(len(values)))
    for attempt in range(_ATTEMPTS):
        signatures = signed(chosen)
        size = partial(_size, work, manifest, values, container, signatures)
        met = meeting(size, chosen, work.budget.bytes - attempt * _MARGIN)
        if met == chosen:
            break
        chosen = met
    else:
        signatures = signed(chosen)
    return chosen, signatures


def unmet(budget: Budget, size: int) -> str | None:
    """Say that a file has not its size, and why; None if it has."""
    if size > budget.bytes:
        return f"{size:,} bytes, more than the {budget.bytes:,} wanted: the latents that were found take no fewer"
    if size < LEAST * budget.bytes:
        finest = "latents are as fine as they can be; more of them (--ipc) would use the rest"
        return f"{size:,} of {budget.bytes:,} bytes: {finest if budget.step == STEPS[0] else 'no step comes nearer'}"
    return None


def _likely_facts(work: Plan) -> dict[str, object]:
    """Stand in for what a run will tell, in as many bytes."""
    draw = np.random.default_rng(0)
    start, inverted = (
        {name: round(float(value), 2) for name, value in zip(work.class_names, row, strict=True)}
        for row in draw.uniform(20, 30, (2, len(work.class_names)))
    )
    steps = {"inversion_steps": work.recipe.inversion_steps, "iterations": work.recipe.iterations}
    return {**steps, "psnr_start": start, "psnr_inverted": inverted}


def _starting(work: Plan, directory: Path) -> Latents:
    crops = stored_crops(work.catalog, work.crops, work.recipe.hr_size, directory)
    rows = torch.arange(len(crops)).split(_TOGETHER)
    return torch.cat([downscale(to_float(crops[index]), work.generator.scale) for index in rows]).numpy()


def _size(
    work: Plan,
    manifest: Manifest,
    latents: Latents,
    container: files.ContainerName,
    signatures: Signatures,
    codec: Codec,
) -> int:
    numbers = class_index(work.counts).int().numpy()
    return files.size_with(
        manifest, latents, numbers, work.photo_index, signatures, codec=codec, container=container
    )  # fmt: skip


def _explained(work: Plan, budget: Budget) -> str:
    latents, counts = len(work.crops), ", ".join(map(str, sorted(set(work.counts))))
    each = (budget.bytes - budget.overhead) / latents
    bpp = 8 * budget.bytes / (latents * work.recipe.hr_size**2)
    if budget.step == STEPS[0]:
        return (
            f"target {budget.bytes:,} bytes: {latents} latents ({counts} a class) take about {budget.likely:,} at most"
        )
    return (
        f"target {budget.bytes:,} bytes, {bpp:.2f} bits for each HR pixel: {budget.overhead:,} beside latents, about "
        f"{each:,.0f} for each of {latents} ({counts} a class); the search begins with a step of {budget.step:.3g}"
    )
