"""Residuals -> words of 32 bits, by asymmetric numeral systems with a table of probabilities a plane.

The coder is the library constriction (Bamler, arXiv 2201.01741): a state of 64 bits, words of 32, probabilities of 24.
Tables are Student's t with three degrees of freedom, heavy-tailed as the residuals of images are, in whole numbers, so
that every machine has the same.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsdd.errors import FormatError

TABLES = 16
PRECISION = 24
WORD = np.dtype("<u4")
# The coder's first state. From 0 the residual -levels/2 would cost nothing, and a stream could hold any number of them.
FIRST_STATE = 1 << PRECISION

Words = NDArray[np.uint32]


@cache
def weights(levels: int) -> NDArray[np.int64]:
    """Compute the tables: of scale 2^(k/2 - 1), so that no code costs less than a twelfth of a bit.

    Args:
        levels: residuals are in -levels/2..levels/2-1.

    Returns:
        `[TABLES, levels]`, the probability of a residual in 1/2^24; each row sums to 2^24.
    """
    square = np.square(np.arange(-(levels // 2), levels // 2, dtype=np.int64))
    power = np.int64(1) << np.arange(TABLES, dtype=np.int64)[:, None]
    density = (np.square(power) << PRECISION) // np.square(power + 4 * square)
    shared = (1 << PRECISION) - levels
    table: NDArray[np.int64] = density * shared // density.sum(axis=1, keepdims=True)
    table[:, levels // 2] += shared - table.sum(axis=1)
    return table + 1


def best_tables(differences: NDArray[np.int16], levels: int) -> NDArray[np.uint8]:
    """Choose the table that takes fewest bits, for each plane.

    Args:
        differences: residuals, `[M, n]`.
        levels: as for `weights`.

    Returns:
        Numbers of tables, `[M]`.
    """
    counts = np.stack([np.bincount(row + levels // 2, minlength=levels) for row in differences])
    bits = -counts @ np.log2(weights(levels)).T
    numbers: NDArray[np.uint8] = bits.argmin(axis=1).astype(np.uint8)
    return numbers


def encode(planes: NDArray[np.int16], tables: NDArray[np.uint8], levels: int) -> Words:
    """Code the planes of one latent.

    Args:
        planes: residuals, `[C, n]`.
        tables: a number a plane.
        levels: as for `weights`.

    Returns:
        The words.
    """
    coder, models = _library().stream.stack.AnsCoder(np.array([FIRST_STATE], np.uint32)), _models(levels)
    # It is a stack: what is decoded first is encoded last.
    for plane, table in zip(planes[::-1], tables[::-1], strict=True):
        coder.encode_reverse(plane.astype(np.int32) + levels // 2, models[table])
    words: Words = coder.get_compressed()
    return words


def decode(words: Words, tables: NDArray[np.uint8], planes: NDArray[np.int16], levels: int) -> None:
    """Decode the planes of one latent.

    Args:
        words: of unknown origin.
        tables: a number below `TABLES` a plane.
        planes: is filled with residuals, `[C, n]`.
        levels: as for `weights`.

    Raises:
        FormatError: words that no encoder writes.
    """
    models = _models(levels)
    try:
        coder = _library().stream.stack.AnsCoder(words)
        for plane, table in zip(planes, tables, strict=True):
            plane[:] = coder.decode(models[table], len(plane))
    except ValueError as error:
        raise FormatError(f"its stream: {error}") from error
    if coder.pos() != (0, FIRST_STATE):
        raise FormatError("its stream does not end where its codes do")
    planes -= levels // 2


@cache
def _models(levels: int) -> list[Any]:
    categorical = _library().stream.model.Categorical
    # The library gives each value 1/2^24 and shares the rest out: with these numbers exactly, by additions alone.
    return [categorical((row - 1).astype(np.float64), perfect=False) for row in weights(levels)]


def _library() -> Any:  # noqa: ANN401
    import constriction

    return constriction
