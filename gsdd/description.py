"""What a file says of the run that makes it, before the run."""

from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import Any

from gsdd.data.crops import crops_digest
from gsdd.distill.recipe import Recipe
from gsdd.formats.digest import file_digest
from gsdd.formats.manifest import Manifest, ManifestClass, ManifestGenerator, ManifestSource
from gsdd.formats.origins import CROPS, PART
from gsdd.plan import Plan


def manifest_of(work: Plan, licence: str) -> Manifest:
    """Say of a file what is known before its run.

    Args:
        work: the run.
        licence: of the photos.
    """
    catalog = work.catalog
    return Manifest(
        generator=ManifestGenerator(**asdict(work.generator.reference)),
        hr_size=work.recipe.hr_size,
        codec=work.recipe.codec,
        classes=tuple(map(ManifestClass, work.class_names, work.counts)),
        recipe=_recipe(work.recipe),
        run={CROPS: _crops_digests(work), **({PART: work.part.to_json()} if work.part else {})},
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


def _crops_digests(work: Plan) -> dict[str, str]:
    starts = accumulate(work.counts, initial=0)
    return {
        name: crops_digest(work.crops[start : start + count])
        for name, start, count in zip(work.class_names, starts, work.counts, strict=False)
    }


def _recipe(recipe: Recipe) -> dict[str, Any]:
    """Name feature weights by their digest: a file tells nothing of the machine that it was made on."""
    weights = recipe.feature_weights and f"sha256 {file_digest(Path(recipe.feature_weights))}"
    return {**recipe.to_dict(), "feature_weights": weights}
