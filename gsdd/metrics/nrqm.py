"""NRQM (Ma et al.): a quality score for super-resolved images, learned from what people said of such images.

Convention: Y of MATLAB's rgb2ycbcr, rounded, as in the PIRM 2018 challenge. Higher is better, 0 to 10.
The learned model is the user's: `model.mat` of github.com/chaoma99/sr-metric (MIT licence).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from gsdd.errors import KernelInputError, MetricError, MissingWeightsError
from gsdd.formats.opening import read_whole
from gsdd.metrics.global_frequency import global_frequency
from gsdd.metrics.local_frequency import local_frequency
from gsdd.metrics.mat_file import model_arrays
from gsdd.metrics.matlab import blur, luma
from gsdd.metrics.niqe import niqe
from gsdd.metrics.regression_forest import RegressionForest

LEVELS = 3
# Of the model's file.
MOST_BYTES = 1 << 27
# As wide as the scale.
PIRM_SHAVE = 4
BLOCK = 5
# Of the three vectors: 6 a level, 45, 25 a level.
FEATURES = (18, 45, 75)
REMEDY = "get model.mat from https://github.com/chaoma99/sr-metric and give it as `nrqm_model=FILE`"
# SSIM's window of 11 in a band without its border of 17.
SMALLEST_SIDE = 45


class NrqmFeatures(NamedTuple):
    """Features of local frequencies `[18]`, global frequencies `[45]`, and principal components in space `[75]`."""

    local: Tensor
    whole: Tensor
    spatial: Tensor


@dataclass(frozen=True)
class NrqmModel:
    """Three forests, one a vector of features, and how their predictions are added.

    Attributes:
        forests: in the order of `NrqmFeatures`.
        weights: constant, and a weight for each forest; float64 `[4]`.
    """

    forests: tuple[RegressionForest, ...]
    weights: Tensor

    def __call__(self, features: NrqmFeatures) -> Tensor:
        """Predict the score, a float64 scalar."""
        pairs = zip(self.forests, features, strict=True)
        scores = torch.stack([forest(vector.cpu()) for forest, vector in pairs])
        return self.weights[0] + self.weights[1:].dot(scores)


def nrqm(images: Tensor, model_file: Path | None, shave: int = 0) -> Tensor:
    """Predict what score people would give to each image, without a reference.

    Args:
        images: uint8 RGB `[N, 3, H, W]`; about 84 pixels a side at least.
        model_file: the authors' `model.mat`.
        shave: border to leave out, in pixels; PIRM leaves out as many as the scale.

    Returns:
        float64 `[N]`, about 0 to 10; higher is better.

    Raises:
        KernelInputError: not uint8 RGB, or too small.
        MissingWeightsError: no `model_file`, or it does not exist.
        MetricError: it is not such a model.

    Source: Ma, Yang, Yang and Yang, "Learning a no-reference quality metric for single-image super-resolution", CVIU
    158, 2017.
    """
    model = _remembered_model(existing_model(model_file))
    return torch.stack([model(nrqm_features(image)) for image in luma(images, shave)]).to(images.device)


def perceptual_index(images: Tensor, model_file: Path | None, shave: int = PIRM_SHAVE) -> Tensor:
    """Measure the perceptual index of the PIRM 2018 challenge, ((10 - NRQM) + NIQE) / 2; lower is better.

    Args:
        images: uint8 RGB `[N, 3, H, W]`.
        model_file: as for `nrqm`, and so is the rest.

    Returns:
        float64 `[N]`.

    Source: Blau et al., "The 2018 PIRM Challenge on Perceptual Image Super-Resolution", ECCVW 2018, Eq. 3.
    """
    return ((10 - nrqm(images, model_file, shave)) + niqe(images, shave)) / 2


def nrqm_features(image: Tensor) -> NrqmFeatures:
    """Describe an image by what the model was learned on.

    Args:
        image: Y, float64 `[H, W]` in 0..255.

    Returns:
        float64 `[18]`, `[45]` and `[75]`.

    Raises:
        KernelInputError: the image is too small.
    """
    _check_size(image)
    levels = [image / 255]
    while len(levels) < LEVELS:
        levels.append(blur(levels[-1], 3, 0.5, "zero")[1::2, 1::2])
    return NrqmFeatures(
        torch.cat([local_frequency(level) for level in levels]),
        global_frequency(image),
        torch.cat([_principal_sizes(level) for level in levels]),
    )


def _principal_sizes(image: Tensor) -> Tensor:
    """Give the 25 singular values of the matrix of 5x5 blocks; section 4.3 of the paper."""
    filled = F.pad(image, (0, -image.shape[1] % BLOCK, 0, -image.shape[0] % BLOCK))
    blocks = filled.unfold(0, BLOCK, BLOCK).unfold(1, BLOCK, BLOCK)
    sizes: Tensor = torch.linalg.svdvals(blocks.reshape(-1, BLOCK * BLOCK))
    return sizes


def _check_size(image: Tensor) -> None:
    height, width = image.shape
    shrink = BLOCK * 2 ** (LEVELS - 1)
    blocks = -(-height // shrink) * -(-width // shrink)
    if min(height, width) < SMALLEST_SIDE or blocks < BLOCK * BLOCK:
        raise KernelInputError(
            f"NRQM needs {BLOCK * BLOCK} blocks of {BLOCK}x{BLOCK} at a quarter of the size, and sides of "
            f"{SMALLEST_SIDE}; got {height}x{width} after shaving, wanted {BLOCK * shrink}x{BLOCK * shrink} or more"
        )


def existing_model(model_file: Path | None) -> Path:
    """Give the model file back if it is there; MissingWeightsError says how to get it."""
    if model_file is None or not model_file.is_file():
        got = "none was given" if model_file is None else f"{model_file} is no file"
        raise MissingWeightsError(f"NRQM, and PI with it, need NRQM's model, and {got}; {REMEDY}")
    return model_file


def read_nrqm_model(model_file: Path) -> NrqmModel:
    """Read the authors' model.

    Args:
        model_file: `model.mat`: a struct with the cell `rf` of three forests, and `linear`, four numbers.

    Returns:
        the model.

    Raises:
        MetricError: the file is not such a model.
    """
    try:
        arrays = model_arrays(read_whole(model_file, MOST_BYTES))
        if f"rf.{len(FEATURES)}.lDau" in arrays:
            raise ValueError(f"it has more than {len(FEATURES)} forests")
        forests = tuple(
            RegressionForest.of_arrays(_below(arrays, f"rf.{number}."), features)
            for number, features in enumerate(FEATURES)
        )
        weights = torch.from_numpy(np.asarray(arrays["linear"], dtype=np.float64).reshape(len(FEATURES) + 1))
    except Exception as error:  # what damaged arrays make NumPy raise is of no one class
        raise MetricError(f"{model_file} cannot be read as NRQM's model: {error}; {REMEDY}") from error
    return NrqmModel(forests, weights)


def _below(arrays: Mapping[str, NDArray[np.generic]], prefix: str) -> dict[str, NDArray[np.generic]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


_remembered_model = lru_cache(maxsize=1)(read_nrqm_model)
