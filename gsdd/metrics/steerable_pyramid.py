"""The steerable pyramid: an image as oriented bands of one octave each, taken apart in the Fourier plane."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Pyramid(NamedTuple):
    """What remains above the first octave, `[H, W]`, and per scale, from fine to coarse, `[orientations, h, w]`."""

    high: Tensor
    scales: list[Tensor]


def steerable_pyramid(image: Tensor, scales: int, orientations: int) -> Pyramid:
    """Take an image apart by scale and orientation; the low-pass remainder is not computed.

    Args:
        image: float64 `[H, W]`; its border wraps around.
        scales: octaves.
        orientations: bands an octave, an even number, so that the filters are odd.

    Returns:
        bands of `[orientations, H, W]`, then of half the size (rounded up) for each further scale.

    Source: Simoncelli and Freeman, "The Steerable Pyramid: a flexible architecture for multi-scale derivative
    computation", ICIP 1995; radial functions: raised cosines in log frequency, as in Portilla and Simoncelli, IJCV
    40(1), 2000.
    """
    spectrum = torch.fft.fftshift(torch.fft.fft2(image))
    octave, angle = _polar(image)
    high = _inverse(spectrum * _high_pass(octave))
    bands = []
    for _ in range(scales):
        spectrum = spectrum * _low_pass(octave)
        octave = octave + 1
        bands.append(_oriented(spectrum * _high_pass(octave), angle, orientations))
        spectrum, octave, angle = (_centre(plane) for plane in (spectrum, octave, angle))
    return Pyramid(high, bands)


def _polar(like: Tensor) -> tuple[Tensor, Tensor]:
    """Give each frequency of the shifted plane its log2 radius, 0 where it meets a side, and its angle."""
    y, x = ((torch.arange(side, dtype=like.dtype, device=like.device) - side // 2) / (side / 2) for side in like.shape)
    radius = torch.hypot(*torch.meshgrid(y, x, indexing="ij"))
    # The constant has no angle and no octave: let it be as low as its neighbour.
    row, column = (side // 2 for side in like.shape)
    radius[row, column] = radius[row, column - 1]
    return radius.log2(), torch.atan2(y[:, None], x[None, :])


def _high_pass(octave: Tensor) -> Tensor:
    return torch.cos(math.pi / 2 * octave.clamp(-1, 0))


def _low_pass(octave: Tensor) -> Tensor:
    return torch.sin(math.pi / 2 * octave.clamp(-1, 0)).abs()


def _oriented(spectrum: Tensor, angle: Tensor, orientations: int) -> Tensor:
    order = orientations - 1
    # The squares of all orientations add up to 1.
    gain = 2**order * math.factorial(order) / math.sqrt(orientations * math.factorial(2 * order))
    turns = torch.arange(orientations, dtype=angle.dtype, device=angle.device) * math.pi / orientations
    masks = gain * torch.cos(angle - turns[:, None, None]) ** order
    return _inverse((-1j) ** order * spectrum * masks)


def _centre(plane: Tensor) -> Tensor:
    """Keep the lower half of the frequencies, which samples the band at half the rate."""
    for dim, side in enumerate(plane.shape):
        kept = (side + 1) // 2
        plane = plane.narrow(dim, side // 2 - kept // 2, kept)
    return plane


def _inverse(spectrum: Tensor) -> Tensor:
    image: Tensor = torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(-2, -1))).real
    return image
