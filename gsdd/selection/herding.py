"""Herding: crops whose mean feature follows that of the whole class."""

import torch
from torch import Tensor

from gsdd.selection.rows import Taking


def herding(rows: Tensor, count: int) -> list[int]:
    """Take, one after the other, the row that brings the mean of those taken nearest to the mean of all.

    Features are not scaled to length 1, as classifiers' sometimes are: what falls is the distance of Eq. 7.

    Args:
        rows: features, float64 `[N, D]`, on any device.
        count: how many to take, at most N.

    Returns:
        Numbers of the rows in the order taken, each once; of equally good ones the first. A smaller count takes the
        beginning of the same list.

    Source:
        Welling, "Herding dynamical weights to learn", ICML 2009; in the form of Rebuffi et al., "iCaRL", CVPR 2017.
    """
    mean, total = rows.mean(dim=0), torch.zeros_like(rows[0])
    taking = Taking(rows, count)
    for size in range(1, count + 1):
        number = taking.nearest((mean - (total + rows) / size).square_().sum(dim=1))
        total = total + rows.index_select(0, number)[0]
    return taking.numbers()
