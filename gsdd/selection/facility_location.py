"""CRAIG: crops such that each crop of the class has one with a similar gradient among them."""

from typing import Any

import torch
from torch import Tensor

from gsdd.selection.rows import Taking


def facility_location(rows: Tensor, count: int) -> list[int]:
    """Take, one after the other, the row that most lowers the sum of all rows' distances to the nearest one taken.

    That sum bounds how far the gradient of the rows taken, each with the weight of those near it, is from that of all.
    The weights are left out, as everywhere in this package: a coreset is a plain list of crops. OMP (GradMatch,
    Killamsetty et al., ICML 2021) rests on its weights and may stop early; this covers the class without them.

    Args:
        rows: a gradient a row, float64 `[N, D]`, on any device.
        count: how many to take, at most N.

    Returns:
        Numbers of the rows in the order taken, each once; of equally good ones the first. A smaller count takes the
        beginning of the same list.

    Source:
        CRAIG: Mirzasoleiman, Bilmes and Leskovec, "Coresets for Data-efficient Training of Machine Learning Models",
        ICML 2020, the greedy choice; its auxiliary element lies as far from all rows as any two rows from each other.
    """
    distances = _distances(rows)
    nearest = distances.amax().expand(len(rows))
    taking = Taking(rows, count)
    for _ in range(count):
        sums = torch.as_tensor(_array(torch.minimum(distances, nearest[:, None])).sum(0))
        number = taking.nearest(sums)
        nearest = torch.minimum(nearest, distances.index_select(1, number)[:, 0])
    return taking.numbers()


def _distances(rows: Tensor) -> Tensor:
    """Give the distance of each row to each, `[N, N]`; that of a row to itself is exactly 0."""
    array = _array(rows)
    lengths = (array * array).sum(1)
    squares = lengths[:, None] + lengths - 2 * (array @ array.T)
    return torch.as_tensor(squares.clip(min=0.0) ** 0.5).fill_diagonal_(0.0)


def _array(values: Tensor) -> Any:  # noqa: ANN401 - numpy's array and torch's tensor have the same methods
    """Give what lies on a CPU to numpy, whose last bit decides, as ever, which of two rows that tie is taken."""
    return values if values.is_cuda else values.numpy()
