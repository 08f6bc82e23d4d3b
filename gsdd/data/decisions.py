"""What was decided about each entry of a source folder, as text for people."""

from collections import Counter
from collections.abc import Mapping

from gsdd.data.catalog import Catalog
from gsdd.data.layout import about_splits


def skipped(catalog: Catalog) -> tuple[str, ...]:
    """Return the photos that cannot be used, as "class: path: reason"."""
    return tuple(f"{bad.class_name}: {bad.path}: {bad.reason}" for bad in catalog.skipped)


def ignored(catalog: Catalog) -> Mapping[str, str]:
    """Return why each entry that is no photo of a class was passed over, by path."""
    return {entry.path: entry.reason for entry in catalog.ignored_entries}


def conversions(catalog: Catalog) -> tuple[str, ...]:
    """Return what was done to photos that are not plain 8-bit RGB, as "path: what"."""
    photos = (photo for entry in catalog.classes for photo in entry.photos)
    return tuple(f"{photo.path}: {', '.join(photo.conversions)}" for photo in photos if photo.conversions)


def decisions(catalog: Catalog) -> tuple[str, ...]:
    """Return a line for each photo that is skipped or converted, one that counts what is ignored, and warnings."""
    counts = [f"{count} ({reason})" for reason, count in Counter(ignored(catalog).values()).items()]
    return (
        *(f"skipped {line}" for line in skipped(catalog)),
        *(f"converted {line}" for line in conversions(catalog)),
        *([f"ignored {', '.join(counts)}"] if counts else []),
        *([warning] if (warning := about_splits(catalog.root, [each.name for each in catalog.classes])) else []),
    )
