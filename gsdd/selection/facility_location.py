"""CRAIG: crops such that each crop of the class has one with a similar gradient among them."""

import numpy as np

from gsdd.selection.rows import Rows, nearest_left


def facility_location(rows: Rows, count: int) -> list[int]:
    """Take, one after the other, the row that most lowers the sum of all rows' distances to the nearest one taken.

    That sum bounds how far the gradient of the rows taken, each with the weight of those near it, is from that of all.
    The weights are left out, as everywhere in this package: a coreset is a plain list of crops. OMP (GradMatch,
    Killamsetty et al., ICML 2021) rests on its weights and may stop early; this covers the class without them.

    Args:
        rows: a gradient a row, float64 `[N, D]`.
        count: how many to take, at most N.

    Returns:
        Numbers of the rows in the order taken, each once; of equally good ones the first. A smaller count takes the
        beginning of the same list.

    Source:
        CRAIG: Mirzasoleiman, Bilmes and Leskovec, "Coresets for Data-efficient Training of Machine Learning Models",
        ICML 2020, the greedy choice; its auxiliary element lies as far from all rows as any two rows from each other.
    """
    distances = _distances(rows)
    nearest = np.full(len(rows), distances.max(initial=0.0))
    taken: list[int] = []
    for _ in range(count):
        sums = np.minimum(distances, nearest[:, None]).sum(axis=0)
        taken.append(nearest_left(sums, taken))
        nearest = np.minimum(nearest, distances[:, taken[-1]])
    return taken


def _distances(rows: Rows) -> Rows:
    """Give the distance of each row to each, `[N, N]`; that of a row to itself is exactly 0."""
    lengths = np.square(rows).sum(axis=1)
    squares = lengths[:, None] + lengths - 2 * (rows @ rows.T)
    np.fill_diagonal(squares, 0.0)
    distances: Rows = np.sqrt(squares.clip(min=0.0))
    return distances
