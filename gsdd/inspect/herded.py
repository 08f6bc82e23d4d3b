"""Bytes of a herded crop as AVIF: of the crops that latents begin from, without any distillation."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from gsdd.data.catalog import Catalog, PhotoRecord
from gsdd.data.crops import grid_crops, read_crops
from gsdd.inspect.avif import encoded
from gsdd.selection.starting import starting_crops

# Those of `gsdd study rate`, of which fewer crops serve LPIPS, and more serve PSNR.
QUALITIES = (15, 30)
# Crops that are encoded.
CROPS = 32


def herded_bytes(catalog: Catalog, records: Sequence[PhotoRecord], side: int, seed: int) -> dict[int, float]:
    """Measure what a herded crop takes, by quality.

    Args:
        catalog: the photos.
        records: those of them that are looked at.
        side: of a crop in pixels.
        seed: of the herding.

    Returns:
        Bytes a crop, the picture's header among them.

    Raises:
        SourceError: a photo is gone or has changed since the catalog was made.
    """
    wanted = {record.path for record in records}
    few = tuple(
        replace(each, photos=photos)
        for each in catalog.classes
        if (photos := tuple(record for record in each.photos if record.path in wanted))
    )
    some = replace(catalog, classes=few)
    counts = [min(-(-CROPS // len(few)), len(grid_crops(some, number, side))) for number in range(len(few))]
    crops = starting_crops(some, counts, side, seed, "herding")
    pixels = torch.from_numpy(read_crops(some, crops, side))
    return {quality: sum(map(len, encoded(pixels, quality))) / len(crops) for quality in QUALITIES}
