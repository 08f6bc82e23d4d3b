"""What a plane of codes is beyond its median edge prediction, and the plane again from that.

The predictor is LOCO-I's (Weinberger et al., IEEE Trans. Image Processing 9(8), 2000): of left W, above N and
W + N - NW the median, which is W + N - NW held between the lesser and the greater of W and N.
"""

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int16]


def residuals(planes: Codes, levels: int) -> Codes:
    """Subtract from every code what its neighbours before it predict.

    Args:
        planes: codes in 0..levels-1, `[M, h, w]`.
        levels: a power of two, at most 256.

    Returns:
        Differences modulo `levels`, in -levels/2..levels/2-1, `[M, h, w]`.
    """
    west, north, north_west = (np.empty_like(planes) for _ in range(3))
    west[:, :, 1:], north[:, 1:] = planes[:, :, :-1], planes[:, :-1]
    north_west[:, 1:, 1:] = planes[:, :-1, :-1]
    # Beyond the border lies what makes the prediction the one neighbour that there is.
    north[:, 0, 1:] = north_west[:, 0, 1:] = west[:, 0, 1:]
    west[:, 1:, 0] = north_west[:, 1:, 0] = north[:, 1:, 0]
    west[:, 0, 0] = north[:, 0, 0] = north_west[:, 0, 0] = levels // 2
    return (planes - _median(west, north, north_west) + levels // 2) % levels - levels // 2


def restored(differences: Codes, levels: int) -> Codes:
    """Undo `residuals`.

    Codes of one antidiagonal depend on the two before it alone, so each is one step for all planes.

    Args:
        differences: `[M, h, w]`.
        levels: as for `residuals`.

    Returns:
        Codes, `[M, h, w]`.
    """
    planes, height, width = differences.shape
    # By antidiagonal, row, plane: a step reads and writes memory in one piece.
    skewed = np.zeros((height + width - 1, height, planes), np.int16)
    for row in range(height):
        skewed[row : row + width, row] = differences[:, row].T
    for number in range(height + width - 1):
        first, end = max(0, number - width + 1), min(height, number + 1)
        predicted = _predicted(skewed, number, first, end, levels)
        skewed[number, first:end] = (predicted + skewed[number, first:end]) % levels
    codes = np.empty_like(differences)
    for row in range(height):
        codes[:, row] = skewed[row : row + width, row].T
    return codes


def _predicted(skewed: Codes, number: int, first: int, end: int, levels: int) -> Codes:
    """Predict the codes of rows first..end-1 of an antidiagonal from those before it."""
    if number == 0:
        return np.full((1, skewed.shape[2]), levels // 2, np.int16)
    before, last = skewed[number - 1], skewed[number - 2] if number > 1 else skewed[0]
    west = before[first:end].copy()
    north, north_west = (_row_above(each, first, end) for each in (before, last))
    if first == 0:
        north[0] = north_west[0] = west[0]
    if end == number + 1:
        west[-1] = north_west[-1] = north[-1]
    return _median(west, north, north_west)


def _row_above(diagonal: Codes, first: int, end: int) -> Codes:
    above = np.empty_like(diagonal[first:end])
    above[first == 0 :] = diagonal[max(first - 1, 0) : end - 1]
    return above


def _median(west: Codes, north: Codes, north_west: Codes) -> Codes:
    between: Codes = np.clip(west + north - north_west, np.minimum(west, north), np.maximum(west, north))
    return between
