"""The orthonormal cosine transform of latents over channels and blocks of 8x8, and its inverse in whole numbers."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

CHANNELS = 3
BLOCK = 8
# Fractional bits of a basis function's values. Sums of 2^11 * (2^12)^3 * 14 are exact in float64, in any order.
FRACTION = 12
_AXES = ((1, CHANNELS), (2, BLOCK), (3, BLOCK))


def coefficients(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Tell the shape `[3, 8, 8, blocks]` of the coefficients of a latent `[3, h, w]`; edges fill the last blocks."""
    rows, columns = _blocks(shape)
    return CHANNELS, BLOCK, BLOCK, rows * columns


def transformed(latents: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transform latents.

    Args:
        latents: float64 `[N, 3, h, w]`.

    Returns:
        Coefficients by frequency over channels, rows and columns, float64 `[N, 3, 8, 8, blocks]`.
    """
    rows, columns = _blocks(latents.shape)
    missing = [(0, count * BLOCK - side) for count, side in zip((rows, columns), latents.shape[2:], strict=True)]
    filled = np.pad(latents, [(0, 0), (0, 0), *missing], mode="edge")
    blocks = filled.reshape(-1, CHANNELS, rows, BLOCK, columns, BLOCK)
    values = blocks.transpose(0, 1, 3, 5, 2, 4)
    for axis, length in _AXES:
        values = np.moveaxis(np.tensordot(values, cosines(length), (axis, 1)), -1, axis)
    return values.reshape(-1, CHANNELS, BLOCK, BLOCK, rows * columns)


def restored(codes: NDArray[np.int16], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Transform codes back, exactly but for the last rounding.

    Args:
        codes: -2047..2047, int16 `[N, 3, 8, 8, blocks]`.
        shape: `[N, 3, h, w]`.

    Returns:
        Latents in units of the codes, float32 of that shape.
    """
    rows, columns = _blocks(shape)
    values = codes.reshape(-1, CHANNELS, BLOCK, BLOCK, rows, columns).astype(np.float64)
    for axis, length in _AXES:
        values = np.moveaxis(np.tensordot(values, basis(length), (axis, 0)), -1, axis)
    filled = values.transpose(0, 1, 4, 2, 5, 3).reshape(-1, CHANNELS, rows * BLOCK, columns * BLOCK)
    return (filled[:, :, : shape[2], : shape[3]] * 2.0 ** (-3 * FRACTION)).astype(np.float32)


@cache
def cosines(length: int) -> NDArray[np.float64]:
    """Compute the orthonormal basis: sqrt(2/n) cos(pi k (2 i + 1) / 2n), of k = 0 divided by sqrt(2), `[k, i]`."""
    frequency, place = np.indices((length, length))
    rows: NDArray[np.float64] = np.sqrt(2 / length) * np.cos(np.pi * frequency * (2 * place + 1) / (2 * length))
    rows[0] = np.sqrt(1 / length)
    return rows


@cache
def basis(length: int) -> NDArray[np.float64]:
    """Compute 2^12 times the cosines, in whole numbers, `[frequency, place]`."""
    whole: NDArray[np.float64] = np.rint(cosines(length) * 2**FRACTION)
    return whole


def _blocks(shape: tuple[int, ...]) -> tuple[int, int]:
    height, width = shape[-2:]
    return -(-height // BLOCK), -(-width // BLOCK)
