"""NIQE: how far the statistics of an image's blocks are from those of pristine photos.

Convention: Y of MATLAB's rgb2ycbcr, rounded; blocks of 96x96; the model of the official release. Lower is better.
"""

from functools import cache
from importlib.resources import files

import safetensors.torch
import torch
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.metrics.generalised_gaussian import fit_asymmetric
from gsdd.metrics.matlab import blur, luma, resize

BLOCK = 96
WINDOW = 7
SIGMA = 7 / 6
# In grey levels; a difference of whole levels, or of their half scale, is 0 or far larger.
ROUNDING = 1e-9
# Down, right, and the two diagonals.
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


def niqe(images: Tensor, shave: int = 0) -> Tensor:
    """Measure how unnatural each image is, without a reference.

    Args:
        images: uint8 RGB `[N, 3, H, W]`; room for two 96x96 blocks after shaving.
        shave: border to leave out, in pixels; PIRM and most papers leave out as many as the scale.

    Returns:
        float64 `[N]`, at least 0; lower is better.

    Raises:
        KernelInputError: not uint8 RGB, smaller than two blocks, or fewer than two blocks are not flat.

    Source: Mittal, Soundararajan and Bovik, "Making a 'Completely Blind' Image Quality Analyzer", IEEE SPL 20(3),
    2013, and its software release. Where an image is flat, as in clipped sky, the release lets rounding decide on which
    side of 0 a value lies, and so each machine gives another number; here it is on neither side.
    """
    return torch.stack([_distance(niqe_features(image)) for image in luma(images, shave)])


def niqe_features(image: Tensor) -> Tensor:
    """Describe each 96x96 block by its natural scene statistics at two scales.

    Args:
        image: Y, float64 `[H, W]` in 0..255; what does not fill a block is left out at the right and bottom.

    Returns:
        float64 `[blocks, 36]`: 18 features of the full scale, 18 of the half scale. A flat block has NaN.

    Raises:
        KernelInputError: the image has room for fewer than two blocks.
    """
    rows, columns = (side // BLOCK for side in image.shape)
    if rows * columns < 2:
        raise KernelInputError(
            f"NIQE compares blocks of {BLOCK}x{BLOCK}; got {image.shape[0]}x{image.shape[1]} after shaving, "
            f"wanted at least {BLOCK}x{2 * BLOCK}"
        )
    full = image[: rows * BLOCK, : columns * BLOCK]
    half = resize(full, full.shape[0] // 2, full.shape[1] // 2)
    return torch.cat([_scale_features(full, BLOCK), _scale_features(half, BLOCK // 2)], dim=1)


def _scale_features(image: Tensor, block: int) -> Tensor:
    contrasts = _contrast_normalised(image)
    rows, columns = image.shape[0] // block, image.shape[1] // block
    blocks = contrasts.view(rows, block, columns, block).transpose(1, 2).reshape(-1, block, block)
    own = fit_asymmetric(blocks.flatten(1))
    features = [own.shape, (own.left + own.right) / 2]
    for shift in NEIGHBOURS:
        pair = fit_asymmetric((blocks * blocks.roll(shift, dims=(1, 2))).flatten(1))
        mean = (pair.right - pair.left) * torch.exp(torch.lgamma(2 / pair.shape) - torch.lgamma(1 / pair.shape))
        features += [pair.shape, mean, pair.left, pair.right]
    return torch.stack(features, dim=1)


def _contrast_normalised(image: Tensor) -> Tensor:
    mean = blur(image, WINDOW, SIGMA, "replicate")
    deviation = (blur(image.square(), WINDOW, SIGMA, "replicate") - mean.square()).abs().sqrt()
    difference = image - mean
    # What is 0 but for rounding must be 0: the fits count the values on each side of it.
    return torch.where(difference.abs() > ROUNDING, difference, 0.0) / (deviation + 1)


def _distance(features: Tensor) -> Tensor:
    """Measure the distance of two Gaussians, of an image's blocks and of pristine photos' blocks (Eq. 10)."""
    whole = features[~features.isnan().any(dim=1)]
    if len(whole) < 2:
        raise KernelInputError(f"NIQE needs two blocks that are not flat; {len(whole)} of {len(features)} are not")
    pristine = {name: part.to(features.device) for name, part in _pristine().items()}
    offset = pristine["mean"] - features.nanmean(dim=0)
    inverse = torch.linalg.pinv((pristine["covariance"] + whole.T.cov()) / 2)
    square: Tensor = offset @ inverse @ offset
    return square.sqrt()


@cache
def _pristine() -> dict[str, Tensor]:
    """Read the official model, the mean `[36]` and the covariance `[36, 36]` of the features of pristine photos.

    niqe_parameters.txt beside it has its notice and its source.
    """
    return safetensors.torch.load(files("gsdd.metrics").joinpath("niqe_parameters.safetensors").read_bytes())
