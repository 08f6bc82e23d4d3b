"""Classes for photos that have none: clusters of those that look alike."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from gsdd.data.catalog import Catalog, PhotoClass
from gsdd.data.crops import Crop, grid_crops, read_crops
from gsdd.errors import RecipeError
from gsdd.features.extractor import FeatureSpec
from gsdd.monitor import SILENT, Monitor
from gsdd.randomness import hashed
from gsdd.selection.choosing import TOGETHER
from gsdd.selection.kmeans import STARTS
from gsdd.selection.selector import Selector

Rows: TypeAlias = npt.NDArray[np.float64]

# Of a photo, as far apart as can be; 8 tiles and 128 filters for 1,000 photos take a core half a minute.
TILES = 8
FEATURES = FeatureSpec(filters=128)


def clustered(catalog: Catalog, count: int, hr_size: int, seed: int, monitor: Monitor = SILENT) -> Catalog:
    """Sort photos into clusters by the mean of their tiles' local Fourier features.

    It runs on the CPU whatever the run does, and k-means in one thread, so that a device changes no class.

    Args:
        catalog: the photos, in any classes.
        count: of clusters, at least 2.
        hr_size: side of a tile in pixels.
        seed: of theta and of the starts of k-means.
        monitor: told of the tiles that are looked at.

    Returns:
        The same photos in classes `cluster-00` and so on, in the order of their first photos.

    Raises:
        RecipeError: there are fewer different photos.
        SourceError: a photo is gone or has changed since the catalog was made.

    Source: Lloyd, "Least squares quantization in PCM", IEEE TIT 28(2), 1982, with starts as in k-means++.
    """
    labels = _labels(photo_features(catalog, hr_size, seed, monitor), count, seed)
    # The numbers of k-means are those of its starts: one more photo would name every cluster anew.
    order = list(dict.fromkeys(labels))
    digits = max(2, len(str(count - 1)))
    members = [[photo for photo, label in zip(catalog.records, labels, strict=True) if label == one] for one in order]
    classes = [PhotoClass(f"cluster-{n:0{digits}}", tuple(photos)) for n, photos in enumerate(members)]
    return replace(catalog, classes=tuple(classes))


def photo_features(catalog: Catalog, hr_size: int, seed: int, monitor: Monitor = SILENT) -> Rows:
    """Embed photos as the mean of psi over some of their tiles.

    Args:
        catalog: the photos.
        hr_size: side of a tile in pixels.
        seed: of theta.
        monitor: told of the tiles.

    Returns:
        A row a photo, class after class, float64 `[N, D]`.
    """
    tiles = list(_tiles(catalog, hr_size))
    sums = np.zeros((len(catalog.records), FEATURES.filters))
    counts = np.zeros((len(sums), 1))
    rows = [number for number, _ in tiles]
    selector = Selector("herding", seed, features=FEATURES)
    psi = selector.draw_psi(torch.empty(0))
    for start in range(0, len(tiles), TOGETHER):
        part = slice(start, start + TOGETHER)
        pixels = torch.from_numpy(read_crops(catalog, [tile for _, tile in tiles[part]], hr_size))
        np.add.at(sums, rows[part], torch.cat(list(selector.measured(pixels, psi))).numpy())
        np.add.at(counts, rows[part], 1)
        monitor.progress("tiles", min(start + TOGETHER, len(tiles)), len(tiles))
    means: Rows = sums / counts
    return means


def _tiles(catalog: Catalog, hr_size: int) -> Iterator[tuple[int, Crop]]:
    """Give some tiles of each photo, with its number among all."""
    number = 0
    for index in range(len(catalog.classes)):
        of_photo: dict[int, list[Crop]] = {}
        for tile in grid_crops(catalog, index, hr_size):
            of_photo.setdefault(tile.photo_index, []).append(tile)
        for tiles in of_photo.values():
            places = np.linspace(0, len(tiles) - 1, min(TILES, len(tiles))).round().astype(int)
            yield from ((number, tiles[place]) for place in places)
            number += 1


def _labels(rows: Rows, count: int, seed: int) -> list[int]:
    from sklearn.cluster import KMeans  # 1 s to import, and only this needs it
    from threadpoolctl import threadpool_limits

    different = len(np.unique(rows, axis=0))
    if count > different:
        raise RecipeError(f"`Crops.classes`: got clusters:{count}, and there are {different} different photos; lower K")
    # With several threads its sums are in no fixed order.
    with threadpool_limits(1):
        fitted = KMeans(count, n_init=STARTS, random_state=hashed(seed, "clusters") >> 32).fit(rows)
    labels: list[int] = fitted.labels_.tolist()
    return labels
