"""A catalog -> the crops of a coreset, class by class."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from gsdd.data.catalog import Catalog
from gsdd.data.crops import Crop, grid_crops, read_crops
from gsdd.features.extractor import FeatureExtractor
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.chunks import CROPS, crops_of
from gsdd.randomness import numpy_stream
from gsdd.selection.selector import Selector

# Crops a class to choose from: the distances of CRAIG are 32 MB.
CANDIDATES = 2048
# Crops that are read at once, and at least as many as psi sees: 25 MB of pixels at 256x256, on a GPU 50. A photo is
# read once for each part that it has crops in.
TOGETHER = 16 * CROPS
CALIBRATION = 32


def candidates(
    catalog: Catalog, counts: Sequence[int], hr_size: int, selector: Selector, limit: int = CANDIDATES
) -> tuple[tuple[Crop, ...], ...]:
    """List the crops that some are chosen from: tiles of every photo that do not overlap.

    Args:
        catalog: the source photos.
        counts: how many crops of each class are wanted, in the catalog's order.
        hr_size: side of a crop in pixels.
        selector: the method; random chooses among all tiles, for it looks at none.
        limit: at most so many a class, drawn with the seed; more where more are wanted.

    Returns:
        Crops a class; of a class of which none are wanted, none.
    """
    most = [None if selector.method == "random" else max(limit, count) for count in counts]
    return tuple(
        grid_crops(catalog, number, hr_size, limit=most[number], seed=selector.seed) if count else ()
        for number, count in enumerate(counts)
    )


def choose_crops(
    catalog: Catalog,
    pools: Sequence[Sequence[Crop]],
    counts: Sequence[int],
    hr_size: int,
    selector: Selector,
    monitor: Monitor = SILENT,
) -> tuple[Crop, ...]:
    """Choose the crops of a coreset.

    Args:
        catalog: the source photos.
        pools: from `candidates`.
        counts: how many of each class.
        hr_size: side of a crop in pixels.
        selector: the method.
        monitor: hears of crops looked at.

    Returns:
        Crops class after class, within a class in the order chosen.

    Raises:
        SourceError: a photo is gone or has changed since the catalog was made.
    """
    psi = _psi(catalog, pools, hr_size, selector)
    looked, total = 0, sum(map(len, pools))
    chosen: list[Crop] = []
    for photo_class, pool, count in zip(catalog.classes, pools, counts, strict=True):
        rows = []
        for part in _rows(catalog, pool, hr_size, selector, psi):
            rows.append(part)
            looked += len(part)
            monitor.progress("crops", looked, total)
        if rows:
            chosen += [pool[number] for number in selector.choose(torch.cat(rows), count, photo_class.name)]
    return tuple(chosen)


def _rows(
    catalog: Catalog, pool: Sequence[Crop], hr_size: int, selector: Selector, psi: FeatureExtractor | None
) -> Iterator[Tensor]:
    together = max(TOGETHER, crops_of(torch.device(selector.device)))
    for start in range(0, len(pool), together):
        yield from selector.measured(_pixels(catalog, pool[start : start + together], hr_size, selector), psi)


def _pixels(catalog: Catalog, pool: Sequence[Crop], hr_size: int, selector: Selector) -> Tensor:
    if selector.method == "random":
        return torch.empty(len(pool), 0, dtype=torch.uint8)
    return torch.from_numpy(read_crops(catalog, pool, hr_size))


def _psi(
    catalog: Catalog, pools: Sequence[Sequence[Crop]], hr_size: int, selector: Selector
) -> FeatureExtractor | None:
    if not selector.needs_features:
        return None
    picked: list[Crop] = []
    if selector.features.family == "resnet18":
        tiles = [tile for pool in pools for tile in pool]
        stream = numpy_stream(selector.seed, "calibration of a coreset")
        picked = [tiles[k] for k in stream.permutation(len(tiles))[:CALIBRATION]]
    return selector.draw_psi(torch.from_numpy(read_crops(catalog, picked, hr_size)))
