"""k-means: the crop nearest to the centre of each cluster of the class."""

from itertools import cycle, islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsdd.selection.rows import Taking

# Runs from other starts, of which the one with the smallest inertia counts.
STARTS = 10


def nearest_to_centres(rows: Tensor, count: int, seed: int) -> list[int]:
    """Take the row nearest to each of `count` k-means centres.

    Args:
        rows: features, float64 `[N, D]`, on any device; scikit-learn finds the centres on the CPU.
        count: how many to take, at most N.
        seed: of k-means, 0 to 2^32 - 1.

    Returns:
        Numbers of the rows in the order of the centres, each once: a row that two centres are nearest to goes to the
        first, and where fewer than `count` rows differ, centres take their next nearest.

    Source:
        Lloyd, "Least squares quantization in PCM", IEEE TIT 28(2), 1982; centres start as in k-means++, Arthur and
        Vassilvitskii, SODA 2007.
    """
    rows = rows.cpu()
    taking = Taking(rows, count)
    for centre in islice(cycle(torch.from_numpy(_centres(rows.numpy(), count, seed))), count):
        taking.nearest((rows - centre).square_().sum(dim=1))
    return taking.numbers()


def _centres(rows: NDArray[np.float64], count: int, seed: int) -> NDArray[np.float64]:
    from sklearn.cluster import KMeans  # 1 s to import, and only this method needs it

    different = np.unique(rows, axis=0)
    if count >= len(different):
        return different
    fitted = KMeans(count, n_init=STARTS, random_state=seed).fit(rows)
    centres: NDArray[np.float64] = fitted.cluster_centers_
    return centres
