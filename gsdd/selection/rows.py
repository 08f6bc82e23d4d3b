"""Vectors of crops, a row each, and taking them one after the other."""

import math

import torch
from torch import Tensor


class Taking:
    """Rows that are taken one after the other, where they lie: the host waits for none of them.

    Args:
        rows: `[N, ...]`.
        count: how many will be taken, at most N.
    """

    def __init__(self, rows: Tensor, count: int) -> None:
        self._barred = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
        self._taken = torch.empty(count, dtype=torch.int64, device=rows.device)
        self._count = 0

    def nearest(self, distances: Tensor) -> Tensor:
        """Take the row at the smallest distance that is left; of equal ones the first.

        Args:
            distances: float64 `[N]`.

        Returns:
            Its number, int64 `[1]`, where the rows lie.
        """
        number = (distances + self._barred).argmin(dim=0, keepdim=True)
        self._barred.index_fill_(0, number, math.inf)
        self._taken[self._count].copy_(number[0])
        self._count += 1
        return number

    def numbers(self) -> list[int]:
        """Read which rows were taken, in that order."""
        numbers: list[int] = self._taken[: self._count].tolist()
        return numbers
