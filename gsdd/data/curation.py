"""A catalog without the photos that the user leaves out: low scores, and near duplicates."""

from pathlib import Path

from gsdd.data.catalog import Catalog
from gsdd.data.likeness import hash_photos, near_duplicates
from gsdd.data.scores import read_scores
from gsdd.monitor import SILENT, Monitor
from gsdd.recipe import Crops

LOW_SCORE, DUPLICATE = "score", "duplicate"


def curated(catalog: Catalog, crops: Crops, monitor: Monitor = SILENT) -> Catalog:
    """Leave out photos, those of low scores first.

    Args:
        catalog: the usable photos.
        crops: `scores` with `keep_above`, and `drop_duplicates`.
        monitor: told of the photos that are looked at.

    Returns:
        The catalog, with what was dropped and why.

    Raises:
        SourceError: the scores cannot be used, or a class has no photo left.
    """
    if crops.scores and crops.keep_above is not None:
        catalog = catalog.without(_low(catalog, Path(crops.scores), crops.keep_above))
    if crops.drop_duplicates:
        records = catalog.records
        like = near_duplicates(records, hash_photos(records, monitor))
        catalog = catalog.without(
            {records[number].path: f"{DUPLICATE} of {records[kept].path}" for number, kept in like.items()}
        )
    return catalog


def _low(catalog: Catalog, scores: Path, least: float) -> dict[str, str]:
    found = read_scores(scores, catalog)
    return {
        path: f"{LOW_SCORE} {score:g}, wanted above {least:g}" for path, score in found.items() if not score > least
    }
