"""Vectors of crops, a row each, and the choice of the nearest that is left."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Rows: TypeAlias = npt.NDArray[np.float64]


def nearest_left(distances: Rows, taken: Sequence[int]) -> int:
    """Find the row at the smallest distance that is not taken; of equal ones the first.

    Args:
        distances: float64 `[N]`.
        taken: numbers of the rows that are taken, fewer than N.

    Returns:
        The number of a row.
    """
    left = distances.copy()
    left[list(taken)] = np.inf
    return int(left.argmin())
