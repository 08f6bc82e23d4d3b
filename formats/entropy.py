"""Whole numbers -> words of 32 bits, by asymmetric numeral systems with tables of probabilities.

The coder is the library constriction (Bamler, arXiv 2201.01741): a state of 64 bits, words of 32, probabilities of 24.
Tables are Student's t with three degrees of freedom, heavy-tailed as what is left of images is, in whole numbers, so
that every machine has the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsdd.errors import FormatError

PRECISION = 24
WORD = np.dtype("<u4")
# The coder's first state. From 0 the value -levels/2 would cost nothing, and a stream could hold any number of them.
FIRST_STATE = 1 << PRECISION

Words = NDArray[np.uint32]


@dataclass(frozen=True)
class Tables:
    """Probabilities of values in -levels/2..levels/2-1, by a table number; a table's scale is 2^(number/2 - fineness).

    Args:
        levels: an even number, at most 4096.
        count: how many tables, at most 19.
        fineness: decides what the cheapest value costs: a twelfth of a bit at 1, a ninetieth at 2.
    """

    levels: int
    count: int
    fineness: int

    @property
    def lowest(self) -> int:
        """Give the lowest value."""
        return -(self.levels // 2)


@cache
def weights(tables: Tables) -> NDArray[np.int64]:
    """Compute the tables.

    Args:
        tables: which.

    Returns:
        `[count, levels]`, the probability of a value in 1/2^24; each row sums to 2^24.
    """
    square = np.square(np.arange(tables.lowest, -tables.lowest, dtype=np.int64))
    power = np.int64(1) << np.arange(tables.count, dtype=np.int64)[:, None]
    density = (np.square(power) << PRECISION) // np.square(power + 4**tables.fineness * square)
    shared = (1 << PRECISION) - tables.levels
    table: NDArray[np.int64] = density * shared // density.sum(axis=1, keepdims=True)
    table[:, -tables.lowest] += shared - table.sum(axis=1)
    return table + 1


def best_tables(values: NDArray[np.int16], tables: Tables) -> NDArray[np.uint8]:
    """Choose the table that takes fewest bits, for each row.

    Args:
        values: `[M, n]`.
        tables: to choose from.

    Returns:
        Numbers of tables, `[M]`.
    """
    counts = np.stack([np.bincount(row - tables.lowest, minlength=tables.levels) for row in values])
    numbers: NDArray[np.uint8] = (counts @ cost(tables).T).argmin(axis=1).astype(np.uint8)
    return numbers


@cache
def cost(tables: Tables) -> NDArray[np.float64]:
    """Compute the bits that each value takes, `[count, levels]`."""
    bits: NDArray[np.float64] = PRECISION - np.log2(weights(tables))
    return bits


def encode(rows: Iterable[NDArray[np.int16]], numbers: Iterable[int], tables: Tables) -> Words:
    """Code the rows of one latent.

    Args:
        rows: values, `[n]` each.
        numbers: of a table, one a row.
        tables: as they are numbered.

    Returns:
        The words.
    """
    coder, models = _library().stream.stack.AnsCoder(np.array([FIRST_STATE], np.uint32)), _models(tables)
    # It is a stack: what is decoded first is encoded last.
    for row, number in reversed(list(zip(rows, numbers, strict=True))):
        coder.encode_reverse(row.astype(np.int32) - tables.lowest, models[number])
    words: Words = coder.get_compressed()
    return words


def decode(words: Words, rows: Iterable[NDArray[np.int16]], numbers: Iterable[int], tables: Tables) -> None:
    """Decode the rows of one latent.

    Args:
        words: of unknown origin.
        rows: are filled with values, `[n]` each.
        numbers: of a table, below the count of them, one a row.
        tables: as they are numbered.

    Raises:
        FormatError: words that no encoder writes.
    """
    models = _models(tables)
    try:
        coder = _library().stream.stack.AnsCoder(words)
        for row, number in zip(rows, numbers, strict=True):
            row[:] = coder.decode(models[number], len(row))
            row += tables.lowest
    except ValueError as error:
        raise FormatError(f"its stream: {error}") from error
    if coder.pos() != (0, FIRST_STATE):
        raise FormatError("its stream does not end where its codes do")


@cache
def _models(tables: Tables) -> list[Any]:
    categorical = _library().stream.model.Categorical
    # The library gives each value 1/2^24 and shares the rest out: with these numbers exactly, by additions alone.
    return [categorical((row - 1).astype(np.float64), perfect=False) for row in weights(tables)]


def _library() -> Any:  # noqa: ANN401
    import constriction

    return constriction
