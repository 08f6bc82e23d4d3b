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


def dropped(catalog: Catalog) -> tuple[str, ...]:
    """Return the photos that were chosen to do without, as "class: path: reason"."""
    return tuple(f"{photo.class_name}: {photo.path}: {photo.reason}" for photo in catalog.dropped)


def dropped_counts(catalog: Catalog) -> Mapping[str, int]:
    """Return how many photos were dropped for each kind of reason: its first word."""
    return dict(Counter(photo.reason.partition(" ")[0] for photo in catalog.dropped))


def decisions(catalog: Catalog) -> tuple[str, ...]:
    """Return a line for each decision about the folder and for each photo skipped or converted, counts, warnings."""
    counts = [f"{count} ({reason})" for reason, count in Counter(ignored(catalog).values()).items()]
    gone = [f"{count} for {reason}" for reason, count in dropped_counts(catalog).items()]
    return (
        *([catalog.layout] if catalog.layout else []),
        *([f"dropped {', '.join(gone)}"] if gone else []),
        *([_about_classes(catalog)] if catalog.sorting.why else []),
        *([_about_depth(catalog)] if catalog.bits > 8 else []),
        *(f"skipped {line}" for line in skipped(catalog)),
        *(f"converted {line}" for line in conversions(catalog)),
        *([f"ignored {', '.join(counts)}"] if counts else []),
        *([warning] if (warning := about_splits(catalog.root, [each.name for each in catalog.classes])) else []),
    )


def _about_depth(catalog: Catalog) -> str:
    deep = sum(record.bits > 8 for record in catalog.records)
    return f"{deep} photos have 16 bits: latents are inverted from all of them, and crops are chosen by 8"


def _about_classes(catalog: Catalog) -> str:
    sorting = catalog.sorting
    return f"classes: {len(catalog.classes)} ({sorting.by}), {sorting.why}"
