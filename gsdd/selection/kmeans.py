"""k-means: the crop nearest to the centre of each cluster of the class."""

from importlib.util import find_spec
from itertools import cycle, islice

import numpy as np

from gsdd.errors import MissingExtraError
from gsdd.selection.rows import Rows, nearest_left

# Runs from other starts, of which the one with the smallest inertia counts.
STARTS = 10


def check_available() -> None:
    """Refuse, before long work, where scikit-learn is not installed.

    Raises:
        MissingExtraError: it is not; the text says how to get it.
    """
    if find_spec("sklearn") is None:
        raise MissingExtraError("method kmeans needs scikit-learn, which is not installed; pip install scikit-learn")


def nearest_to_centres(rows: Rows, count: int, seed: int) -> list[int]:
    """Take the row nearest to each of `count` k-means centres.

    Args:
        rows: features, float64 `[N, D]`.
        count: how many to take, at most N.
        seed: of k-means, 0 to 2^32 - 1.

    Returns:
        Numbers of the rows in the order of the centres, each once: a row that two centres are nearest to goes to the
        first, and where fewer than `count` rows differ, centres take their next nearest.

    Source:
        Lloyd, "Least squares quantization in PCM", IEEE TIT 28(2), 1982; centres start as in k-means++, Arthur and
        Vassilvitskii, SODA 2007.
    """
    taken: list[int] = []
    for centre in islice(cycle(_centres(rows, count, seed)), count):
        taken.append(nearest_left(np.square(rows - centre).sum(axis=1), taken))
    return taken


def _centres(rows: Rows, count: int, seed: int) -> Rows:
    from sklearn.cluster import KMeans  # 1 s to import, and only this method needs it

    different = np.unique(rows, axis=0)
    if count >= len(different):
        return different
    fitted = KMeans(count, n_init=STARTS, random_state=seed).fit(rows)
    centres: Rows = fitted.cluster_centers_
    return centres
