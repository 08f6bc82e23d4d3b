"""The main job: a folder of photos in, one .gsdd file out."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gsdd.data.catalog import OnBadImage
from gsdd.data.crops import read_crops
from gsdd.distill.deadline import Deadline
from gsdd.distill.distiller import DistillationSource, distill
from gsdd.distill.inversion import invert
from gsdd.distill.recipe import DEFAULT_PRESET, Recipe
from gsdd.distill.spaces import Spaces
from gsdd.formats import container as files
from gsdd.formats.atomic import check_output
from gsdd.formats.digest import file_digest
from gsdd.formats.manifest import Manifest, ManifestClass, ManifestGenerator, ManifestSource
from gsdd.generators.named import DEFAULT as DEFAULT_GENERATOR
from gsdd.metrics.psnr import psnr_of_error
from gsdd.plan import Plan, Progress, make_plan

# With a time budget: the part of it that inversion may use. Matching starts from what it reached.
INVERSION_SHARE = 0.5


@dataclass(frozen=True)
class CompressReport:
    """What `compress` made.

    Attributes:
        path: the file.
        latents: latents in it.
        classes: latents by class name.
        bytes: size of the file.
        run: `inversion_steps` that every latent got, `iterations` of matching, and the mean PSNR of G(z) to its crop in
            dB (RGB, uint8, no border shaved) at the start, `psnr_start`, and after the inversion, `psnr_inverted`.
        skipped: photos that could not be used, as "class: path: reason".
        conversions: what was done to photos that are not plain 8-bit RGB, as "path: what".
    """

    path: Path
    latents: int
    classes: Mapping[str, int]
    bytes: int
    run: Mapping[str, float]
    skipped: tuple[str, ...]
    conversions: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, as JSON has them."""
        return {**asdict(self), "path": str(self.path), "classes": dict(self.classes), "run": dict(self.run)}


def compress(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    preset: str = DEFAULT_PRESET,
    generator: str = DEFAULT_GENERATOR,
    ipc: int | Mapping[str, int] | None = None,
    device: str = "cpu",
    container: files.ContainerName = "safetensors",
    time_budget: float | None = None,
    on_bad_image: OnBadImage = "skip",
    licence: str = "unknown",
    force: bool = False,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401
) -> CompressReport:
    """Compress class folders of photos into one .gsdd file.

    Args:
        source: folder with one sub-folder a class; a flat folder is one class.
        output: the file to write.
        preset: `quick`, `standard` or `paper`.
        generator: name (see `gsdd generators`) or path of a x4 super-resolution network.
        ipc: latents a class, one number or one a class name; None takes the preset's.
        device: where torch computes, such as "cpu" or "cuda".
        container: `safetensors` or `hdf5`.
        time_budget: seconds after which the run stops cleanly and writes what it has; None has no limit.
        on_bad_image: `skip` unusable photos, or `fail` at the first.
        licence: of the photos; kept in the file.
        force: replace an existing output.
        progress: called with stage, steps done, steps in all, and the loss where there is one.
        **options: fields of `gsdd.distill.recipe.Recipe` that override the preset.

    Returns:
        What was made.

    Raises:
        SourceError: no usable photos.
        RecipeError: options that make no run.
        GeneratorError: no usable generator.
        OutputError: the output exists or cannot be written.

    Source: GSDD paper, Eq. 3-9.
    """
    deadline = Deadline.after(time_budget)
    target = Path(output)
    check_output(target, force=force)
    work = make_plan(
        source, preset=preset, generator=generator, ipc=ipc, device=device, on_bad_image=on_bad_image,
        progress=progress, **options,
    )  # fmt: skip
    manifest = _manifest(work, licence)
    run = _search(work, deadline, progress)
    manifest = replace(manifest, run=run.facts)
    classes = torch.arange(len(work.counts)).repeat_interleave(torch.tensor(work.counts))
    files.write(
        target, manifest, run.latents.numpy(), classes.int().numpy(), _photo_index(work),
        container=container, force=force,
    )  # fmt: skip
    return _report(target, work, run)


@dataclass(frozen=True)
class _Search:
    latents: Tensor
    facts: Mapping[str, float]


def _search(work: Plan, deadline: Deadline, progress: Progress | None) -> _Search:
    def tell(stage: str) -> Callable[[int, int, float], None] | None:
        return None if progress is None else lambda done, total, loss: progress(stage, done, total, loss)

    recipe, generator = work.recipe, work.generator
    pairs = torch.from_numpy(read_crops(work.catalog, work.crops, recipe.hr_size))
    real = work.real_crops()
    spaces = Spaces.from_recipe(recipe, real, generator.device)
    share = deadline.share(INVERSION_SHARE if recipe.iterations else 1.0)
    inverted = invert(pairs, generator, spaces.fixed_psi(), recipe, deadline=share, progress=tell("inversion"))
    source = DistillationSource(work.class_names, work.counts, pairs, real)
    moved = distill(source, inverted.latents, generator, spaces, recipe, deadline, tell("distillation"))
    facts = {
        "inversion_steps": inverted.steps,
        "iterations": moved.iterations,
        "psnr_start": _mean_decibels(inverted.error_start),
        "psnr_inverted": _mean_decibels(inverted.error),
    }
    return _Search(moved.latents, facts)


def _mean_decibels(errors: Tensor) -> float:
    """Average PSNRs; an exact image, of infinite PSNR, counts as 100 dB: JSON has no infinity."""
    return round(float(psnr_of_error(errors).clamp(max=100).mean()), 2)


def _manifest(work: Plan, licence: str) -> Manifest:
    catalog = work.catalog
    return Manifest(
        generator=ManifestGenerator(**asdict(work.generator.reference)),
        hr_size=work.recipe.hr_size,
        codec=work.recipe.codec,
        classes=tuple(map(ManifestClass, work.class_names, work.counts)),
        recipe=_recipe(work.recipe),
        run={},
        source=ManifestSource(
            images=catalog.images,
            bytes=catalog.bytes,
            sha256=catalog.sha256,
            skipped=len(catalog.skipped),
            ignored=catalog.ignored,
            licence=licence,
        ),
        training={
            "task": f"x{work.generator.scale} super-resolution: LR in, HR out",
            "hr": "round(255 clamp(G(z), 0, 1))",
            "lr": "antialiased bicubic of the uint8 HR, rounded to uint8",
            "range": "RGB, feed as float in [0, 1], no normalisation",
            "augmentation": "random aligned crops, flips and rotations",
        },
    )


def _recipe(recipe: Recipe) -> dict[str, Any]:
    """Name feature weights by their digest: a file tells nothing of the machine that it was made on."""
    weights = recipe.feature_weights and f"sha256 {file_digest(Path(recipe.feature_weights))}"
    return {**recipe.to_dict(), "feature_weights": weights}


def _photo_index(work: Plan) -> "np.ndarray[Any, np.dtype[np.int32]]":
    return np.array([crop.photo_index for crop in work.crops], dtype=np.int32)


def _report(target: Path, work: Plan, run: _Search) -> CompressReport:
    return CompressReport(
        path=target,
        latents=len(run.latents),
        classes=dict(zip(work.class_names, work.counts, strict=True)),
        bytes=target.stat().st_size,
        run=run.facts,
        skipped=work.skipped,
        conversions=work.conversions,
    )
