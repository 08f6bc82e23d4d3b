"""How much of a JPEG's grid of 8x8 blocks a picture shows."""

import numpy as np
import numpy.typing as npt

BLOCK = 8
# ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)


def blockiness(pixels: npt.NDArray[np.uint8]) -> float:
    """Compare the steps between neighbouring pixels on the grid that blocks may have with those off it.

    The grid may begin anywhere: a photo that was cropped, turned or saved anew as PNG still shows it.

    Args:
        pixels: uint8 RGB `[H, W, 3]`.

    Returns:
        The ratio of mean absolute steps, of the grid where it is largest; the mean of both directions. 1 shows none;
        0 where the picture has fewer than 16 pixels a side, or no steps.

    Source: Wang, Sheikh and Bovik, "No-reference perceptual quality assessment of JPEG compressed images", ICIP 2002: B
        over A.
    """
    if min(pixels.shape[:2]) < 2 * BLOCK:
        return 0.0
    grey = pixels.astype(np.float32) @ np.array(LUMA, np.float32)
    return float(np.mean([_ratio(np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis)) for axis in (0, 1)]))


def _ratio(steps: npt.NDArray[np.float32]) -> float:
    of_grids = np.array([steps[first::BLOCK].mean() for first in range(BLOCK)])
    strongest = int(of_grids.argmax())
    others = float(np.delete(of_grids, strongest).mean())
    return float(of_grids[strongest]) / others if others else 0.0
