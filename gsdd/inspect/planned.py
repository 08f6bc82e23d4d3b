"""The real crops that the latents of a file started from, found again in its folder of photos."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import torch

from gsdd.data.catalog import Catalog
from gsdd.data.crops import Crop, crops_digest
from gsdd.data.folders import find_photos
from gsdd.distilled.latent_set import LatentSet
from gsdd.errors import FormatError, SourceError
from gsdd.formats.manifest import Manifest
from gsdd.formats.origins import crops_of, origins_of
from gsdd.monitor import SILENT, Monitor
from gsdd.recipe import StartingCrops, from_record
from gsdd.selection.sorting import sorted_photos
from gsdd.selection.starting import starting_crops

CPU = torch.device("cpu")


def planned_crops(
    distilled: LatentSet, source: Path, monitor: Monitor = SILENT, device: str | torch.device = CPU
) -> tuple[Catalog, tuple[Crop, ...]]:
    """Find the real crop that each latent of a file started from.

    Args:
        distilled: the file.
        source: the folder of photos it was made from.
        monitor: told of the photos, and of the crops that are looked at.
        device: where herding looks at them first; then the CPU does, where runs of before did on any machine.

    Returns:
        The catalog of the folder, and a crop a latent.

    Raises:
        SourceError: the folder is not the one that the file was made from, or there were several.
        FormatError: the file does not say how its crops were chosen.
    """
    manifest = distilled.manifest
    origins = len(origins_of(manifest, distilled.path))
    if origins > 1:
        raise SourceError(
            f"{distilled.path}: was merged from {origins} runs, each with its own crops; give one of the files "
            "that were merged, or no source"
        )
    seed, method = _choice(distilled)
    catalog = _photos_of(distilled, source, monitor)
    counts = {each.name: each.latents for each in manifest.classes}
    if catalog.sha256 != manifest.source.sha256 or not counts.keys() <= {each.name for each in catalog.classes}:
        raise SourceError(
            f"{source}: not the folder that {distilled.path} was made from, or changed since (photos with sha256 "
            f"{catalog.sha256[:16]}, wanted {manifest.source.sha256[:16]}); give the right one, or none"
        )
    wanted = [counts.get(each.name, 0) for each in catalog.classes]
    for place in dict.fromkeys([torch.device(device), CPU]):
        crops = starting_crops(catalog, wanted, manifest.hr_size, seed, method, monitor, place)
        same = [crop.photo_index for crop in crops] == distilled.source_index.tolist()
        if same and not _others(catalog, crops, manifest):
            return catalog, crops
    raise SourceError(
        f"{source}: the crops chosen of it are not those of {distilled.path}; another version of gsdd, or herding "
        "on another processor, made the file"
    )


def _photos_of(distilled: LatentSet, source: Path, monitor: Monitor) -> Catalog:
    """Catalogue photos in the classes that the file's run gave them."""
    recipe = from_record(distilled.manifest.recipe)
    if recipe.crops.scores:
        raise SourceError(
            f"{distilled.path}: its photos were chosen by scores, of which it holds only the {recipe.crops.scores}; "
            "give no source"
        )
    crops = recipe.changed({"crops.hr_size": distilled.manifest.hr_size}).crops
    return sorted_photos(find_photos(source)[0], crops, recipe.seed, monitor)


def _others(catalog: Catalog, crops: Sequence[Crop], manifest: Manifest) -> bool:
    """Tell whether crops are at other places of the same photos; a file of before they were written down passes."""
    found = {c.name: [crop for crop in crops if crop.class_index == n] for n, c in enumerate(catalog.classes)}
    return any(crops_digest(found[name]) != digest for name, digest in crops_of(manifest).items())


def _choice(distilled: LatentSet) -> tuple[int, StartingCrops]:
    """Read how the crops of a file were chosen; before there was a choice they were random."""
    seed, method = distilled.manifest.recipe.get("seed"), distilled.manifest.recipe.get("crops", "random")
    if type(seed) is not int or method not in get_args(StartingCrops):
        raise FormatError(
            f"{distilled.path}: the recipe has the seed {seed!r} and crops {method!r}, wanted a whole number and one "
            f"of {', '.join(get_args(StartingCrops))}"
        )
    return seed, method
