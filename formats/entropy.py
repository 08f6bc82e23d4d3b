"""Whole numbers -> words of 32 bits, by asymmetric numeral systems with tables of probabilities.

The coder is the library constriction (Bamler, arXiv 2201.01741): a state of 64 bits, words of 32, probabilities of 24.
Tables are Student's t with three degrees of freedom, heavy-tailed as the coefficients of images are, in whole numbers,
so that every machine has the same.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsdd.errors import FormatError

PRECISION = 24
WORD = np.dtype("<u4")
# The coder's first state. From 0 the lowest value would cost nothing, and a stream could hold any number of them.
FIRST_STATE = 1 << PRECISION
# Values are LOWEST..-LOWEST-1.
LEVELS = 4096
LOWEST = -LEVELS // 2
# A table's scale is 2^(number/2 - FINENESS). With 2 the cheapest value costs a ninetieth of a bit.
TABLES = 18
FINENESS = 2


@cache
def weights() -> NDArray[np.int64]:
    """Compute the tables: the probability of each value in 1/2^24, `[TABLES, LEVELS]`; each row sums to 2^24."""
    square = np.square(np.arange(LOWEST, -LOWEST, dtype=np.int64))
    power = np.int64(1) << np.arange(TABLES, dtype=np.int64)[:, None]
    density = (np.square(power) << PRECISION) // np.square(power + 4**FINENESS * square)
    shared = (1 << PRECISION) - LEVELS
    table: NDArray[np.int64] = density * shared // density.sum(axis=1, keepdims=True)
    table[:, -LOWEST] += shared - table.sum(axis=1)
    return table + 1


@cache
def cost() -> NDArray[np.float64]:
    """Compute the bits that each value takes, `[TABLES, LEVELS]`."""
    return PRECISION - np.log2(weights())


def encode(rows: Iterable[NDArray[np.int16]], numbers: Iterable[int]) -> bytes:
    """Code the rows of one latent.

    Args:
        rows: values, `[n]` each.
        numbers: of a table, one a row.

    Returns:
        The words.
    """
    coder, models = _library().stream.stack.AnsCoder(np.array([FIRST_STATE], np.uint32)), _models()
    # It is a stack: what is decoded first is encoded last.
    for row, number in reversed(list(zip(rows, numbers, strict=True))):
        coder.encode_reverse(row.astype(np.int32) - LOWEST, models[number])
    words: NDArray[np.uint32] = coder.get_compressed()
    return words.astype(WORD).tobytes()


def decode(data: bytes, rows: Iterable[NDArray[np.int16]], numbers: Iterable[int]) -> None:
    """Decode the rows of one latent.

    Args:
        data: words of unknown origin.
        rows: are filled with values, `[n]` each.
        numbers: of a table, one a row.

    Raises:
        FormatError: words that no encoder writes.
    """
    if len(data) % WORD.itemsize:
        raise FormatError("its stream does not begin as one")
    models = _models()
    try:
        coder = _library().stream.stack.AnsCoder(np.frombuffer(data, WORD))
        for row, number in zip(rows, numbers, strict=True):
            row[:] = coder.decode(models[number], len(row))
            row += LOWEST
    except ValueError as error:
        raise FormatError(f"its stream: {error}") from error
    if coder.pos() != (0, FIRST_STATE):
        raise FormatError("its stream does not end where its codes do")


@cache
def _models() -> list[Any]:
    categorical = _library().stream.model.Categorical
    # The library gives each value 1/2^24 and shares the rest out: with these numbers exactly, by additions alone.
    return [categorical((row - 1).astype(np.float64), perfect=False) for row in weights()]


def _library() -> Any:  # noqa: ANN401
    import constriction

    return constriction
