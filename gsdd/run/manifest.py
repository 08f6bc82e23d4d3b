"""What a file says of the run that makes it, before the run."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from gsdd.data.catalog import Catalog, Sorting
from gsdd.data.crops import Crop, crops_digest
from gsdd.data.decisions import dropped_counts
from gsdd.distill.run import Run
from gsdd.formats.digest import file_digest
from gsdd.formats.manifest import Manifest, ManifestClass, ManifestGenerator, ManifestSource
from gsdd.formats.origins import CROPS
from gsdd.recipe import Recipe, to_record


def manifest_of(catalog: Catalog, counts: Sequence[int], crops: Sequence[Crop], run: Run) -> Manifest:
    """Say of a file what is known before its search.

    Args:
        catalog: the photos.
        counts: latents of each class.
        crops: x_k, one a latent, class after class.
        run: recipe and generator.
    """
    names = [each.name for each in catalog.classes]
    parts = [crops[start:end] for start, end in pairwise(accumulate(counts, initial=0))]
    return Manifest(
        generator=ManifestGenerator(**asdict(run.generator.reference)),
        hr_size=run.recipe.crops.hr_size,
        codec=run.recipe.storage.codec_name,
        classes=tuple(map(ManifestClass, names, counts)),
        recipe=_record(run.recipe, catalog.sorting),
        run={CROPS: dict(zip(names, map(crops_digest, parts), strict=True))},
        source=ManifestSource(
            images=catalog.images,
            bytes=catalog.bytes,
            sha256=catalog.sha256,
            skipped=len(catalog.skipped),
            ignored=catalog.ignored,
            licence=run.recipe.storage.licence,
            dropped=dropped_counts(catalog),
            grey=catalog.grey,
            bits=catalog.bits if catalog.bits > 8 else 0,
        ),
        training={
            "task": f"x{run.generator.scale} super-resolution: LR in, HR out",
            "hr": f"round(255 clamp({'mean of channels of ' if catalog.grey else ''}G(z), 0, 1))",
            "lr": "antialiased bicubic of the uint8 HR, rounded to uint8",
            "range": "RGB, feed as float in [0, 1], no normalisation",
            "augmentation": "random aligned crops, flips and rotations",
        },
    )


def _record(recipe: Recipe, sorting: Sorting) -> dict[str, Any]:
    """Name feature weights and scores by their digests: a file tells nothing of the machine that it was made on.

    What became of `classes` is told where they are not the folders, which they always were before there was a choice.
    """
    record = {**to_record(recipe), "feature_weights": _digest(recipe.features.weights)}
    if recipe.crops.scores:
        record["scores"] = _digest(recipe.crops.scores)
    return record if sorting.by == "folders" else {**record, "classes": sorting.by, "classes_why": sorting.why}


def _digest(path: str) -> str:
    return path and f"sha256 {file_digest(Path(path))}"
