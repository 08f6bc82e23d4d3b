"""Herding: crops whose mean feature follows that of the whole class."""

import numpy as np

from gsdd.selection.rows import Rows, nearest_left


def herding(rows: Rows, count: int) -> list[int]:
    """Take, one after the other, the row that brings the mean of those taken nearest to the mean of all.

    Features are not scaled to length 1, as classifiers' sometimes are: what falls is the distance of Eq. 7.

    Args:
        rows: features, float64 `[N, D]`.
        count: how many to take, at most N.

    Returns:
        Numbers of the rows in the order taken, each once; of equally good ones the first. A smaller count takes the
        beginning of the same list.

    Source:
        Welling, "Herding dynamical weights to learn", ICML 2009; in the form of Rebuffi et al., "iCaRL", CVPR 2017.
    """
    mean, total = rows.mean(axis=0), np.zeros(rows.shape[1])
    taken: list[int] = []
    for size in range(1, count + 1):
        distances = np.square(mean - (total + rows) / size).sum(axis=1)
        taken.append(nearest_left(distances, taken))
        total = total + rows[taken[-1]]
    return taken
