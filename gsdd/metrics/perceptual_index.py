"""The perceptual index of the PIRM 2018 challenge: NIQE and NRQM in one number.

Convention: Y of MATLAB's rgb2ycbcr, rounded, with a border as wide as the scale left out. Lower is better.
"""

from pathlib import Path

from torch import Tensor

from gsdd.metrics.niqe import niqe
from gsdd.metrics.nrqm import nrqm

PIRM_SHAVE = 4


def perceptual_index(images: Tensor, model_file: Path | None, shave: int = PIRM_SHAVE) -> Tensor:
    """Measure the perceptual index, ((10 - NRQM) + NIQE) / 2, of each image.

    Args:
        images: uint8 RGB `[N, 3, H, W]`.
        model_file: NRQM's `model.mat`.
        shave: border to leave out, in pixels.

    Returns:
        float64 `[N]`; lower is better.

    Raises:
        KernelInputError: not uint8 RGB, or too small for NIQE or NRQM.
        MissingWeightsError: no `model_file`, or it does not exist.
        MetricError: it is not NRQM's model.
        MissingExtraError: scipy is not installed.

    Source: Blau et al., "The 2018 PIRM Challenge on Perceptual Image Super-Resolution", ECCVW 2018, Eq. 3.
    """
    return ((10 - nrqm(images, model_file, shave)) + niqe(images, shave)) / 2
