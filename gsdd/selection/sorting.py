"""A folder of photos -> the catalog that a run works with: layout, choice of photos, and the classes they get."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gsdd.data.catalog import Catalog, Sorting, scan
from gsdd.data.curation import curated
from gsdd.data.folders import ClassFolder, Ignored, find_photos, list_photos
from gsdd.data.layout import about_splits, are_shards
from gsdd.data.naming import printable
from gsdd.errors import SourceError
from gsdd.monitor import SILENT, Monitor
from gsdd.recipe import Crops
from gsdd.selection.clusters import clustered

# A set without classes of so many photos or more is clustered by auto.
MANY = 64
MOST_CLUSTERS = 16


@dataclass(frozen=True)
class _Plan:
    """How photos get their classes, before they are looked at.

    Attributes:
        together: whether folders are no classes.
        clusters: K; 0 is none, None leaves it to the number of photos.
        why: as a part of a sentence.
    """

    together: bool
    clusters: int | None
    why: str


def sorted_photos(source: Path, crops: Crops, seed: int, monitor: Monitor = SILENT) -> Catalog:
    """Catalogue the photos of a folder, in the classes that a recipe asks for.

    Args:
        source: the folder that a user gives.
        crops: size of the crops, classes, and which photos are taken.
        seed: of clusters.
        monitor: told of the photos.

    Returns:
        The catalog, which says how its classes came about.

    Raises:
        SourceError: no usable photos, or a layout that leaves open which folder is meant.
        RecipeError: more clusters than photos.
    """
    root, passed = (source, ()) if crops.classes == "folders" else find_photos(source)
    plan = _plan(root, crops)
    catalog = scan(
        root, min_size=crops.hr_size, is_hr_size=True, together=plan.together, on_bad_image=crops.on_bad_image,
        monitor=monitor,
    )  # fmt: skip
    catalog = curated(replace(catalog, ignored_entries=(*passed, *catalog.ignored_entries)), crops, monitor)
    count = _count(catalog.images) if plan.clusters is None else plan.clusters
    if count:
        catalog = clustered(catalog, count, crops.hr_size, seed, monitor)
    return replace(catalog, sorting=_sorting(catalog, plan, count), layout=_about(source, root, passed))


def _plan(root: Path, crops: Crops) -> _Plan:
    if crops.classes == "auto":
        return _chosen(root, list_photos(root).classes)
    return _Plan(crops.classes != "folders", crops.clusters, "as asked for")


def _chosen(root: Path, folders: Sequence[ClassFolder]) -> _Plan:
    """Choose for a user who did not."""
    names = [folder.name for folder in folders]
    if about_splits(root, names):
        raise SourceError(
            f"{printable(root)}: {', '.join(names)} are named like splits of one data set, which leave open what to "
            "learn from; give one of them, or `classes=folders` makes each a class"
        )
    if are_shards(names):
        return _Plan(True, None, f"since {names[0]} to {names[-1]} are shards of one set")
    if len(names) > 1:
        return _Plan(False, 0, "one for each folder of photos")
    # What will be clusters is listed as clusters are: with photos beside the folder.
    return _Plan(len(folders[0].files) >= MANY, None, "since the photos lie in one folder")


def _count(images: int) -> int:
    """Choose how many clusters so many photos make: the square root of a quarter, 4 for 64 and 16 for 1,024."""
    return min(round((images / 4) ** 0.5), MOST_CLUSTERS) if images >= MANY else 0


def _sorting(catalog: Catalog, plan: _Plan, count: int) -> Sorting:
    by = f"clusters:{count}" if count else "none" if plan.together else "folders"
    if plan.clusters is not None:
        return Sorting(by, plan.why)
    return Sorting(by, f"{plan.why}, and {catalog.images} are {'enough' if count else 'too few'} for clusters")


def _about(source: Path, root: Path, passed: Sequence[Ignored]) -> str:
    if root == source:
        return ""
    others = ", ".join(f"{entry.path} ({entry.reason})" for entry in passed)
    return f"{printable(source)}: takes {printable(root)} and passes over {others}"
