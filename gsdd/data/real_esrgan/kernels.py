"""Blur kernels: Gaussian, generalised Gaussian, plateau-shaped and sinc, each `[side, side]` of sum 1."""

from collections.abc import Sequence
from math import pi
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from gsdd.data.real_esrgan.options import FINAL_SINC, KERNEL_SIDE, KERNEL_SIDES, Blur, Range

Kernel = NDArray[np.float64]
Profile = Literal["gaussian", "generalised", "plateau"]
# In the order of `Blur.shapes`: the profile, and whether it is the same in every direction.
SHAPES: tuple[tuple[Profile, bool], ...] = tuple(
    (profile, same) for profile in get_args(Profile) for same in (True, False)
)
# A short sinc that cuts off lower would be no low-pass any more.
SHORT_SINC = 13


def distances(side: int, sigmas: tuple[float, float], angle: float) -> Kernel:
    """Compute x' S^-1 x for each pixel of a kernel; S has these standard deviations along axes turned by the angle.

    Args:
        side: of the kernel, odd.
        sigmas: in pixels.
        angle: of the first axis, in radians.

    Returns:
        Squared Mahalanobis distances from the middle, float64 `[side, side]`.
    """
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    along, across = np.cos(angle) * columns + np.sin(angle) * rows, np.cos(angle) * rows - np.sin(angle) * columns
    squares: Kernel = (along / sigmas[0]) ** 2 + (across / sigmas[1]) ** 2
    return squares


def bell(profile: Profile, squares: Kernel, beta: float = 1.0) -> Kernel:
    """Make a kernel of distances.

    Args:
        profile: "gaussian" is exp(-d/2), "generalised" exp(-d^beta/2), "plateau" 1 / (1 + d^beta).
        squares: d, from `distances`.
        beta: exponent; below 1 the tails are heavier, above 1 the top is flatter.

    Returns:
        The kernel, of sum 1.

    Source: Real-ESRGAN, section 3.1; Liu et al., "Estimating Generalized Gaussian Blur Kernels for Out-of-Focus Image
        Deblurring", IEEE TCSVT 2020.
    """
    powers = squares**beta
    values = 1 / (1 + powers) if profile == "plateau" else np.exp(-powers / 2)
    kernel: Kernel = values / values.sum()
    return kernel


def sinc(side: int, cutoff: float) -> Kernel:
    """Make a circular low-pass filter, which rings: w J1(w r) / (2 pi r).

    Args:
        side: of the kernel, odd.
        cutoff: w, in radians a pixel, up to pi.

    Returns:
        The kernel, of sum 1.

    Source: Real-ESRGAN, Eq. 6.
    """
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    radii = np.hypot(rows, columns)
    middle = side // 2
    radii[middle, middle] = 1
    values: Kernel = cutoff * torch.special.bessel_j1(torch.from_numpy(cutoff * radii)).numpy() / (2 * pi * radii)
    values[middle, middle] = cutoff**2 / (4 * pi)
    kernel: Kernel = values / values.sum()
    return kernel


def draw_blur(blur: Blur, stream: np.random.Generator) -> Kernel:
    """Draw the kernel of a round.

    Args:
        blur: what it is drawn from.
        stream: of random numbers.

    Returns:
        The kernel.
    """
    side = int(stream.choice(blur.sides))
    if stream.random() < blur.sinc:
        return sinc(side, stream.uniform(pi / 3 if side < SHORT_SINC else pi / 5, pi))
    profile, same = SHAPES[_chosen(blur.shapes, stream)]
    first, second, angle = stream.uniform(*blur.sigma), stream.uniform(*blur.sigma), stream.uniform(-pi, pi)
    squares = distances(side, (first, first if same else second), 0.0 if same else angle)
    betas = {"gaussian": Range(1, 1), "generalised": blur.generalised, "plateau": blur.plateau}
    return bell(profile, squares, _beta(betas[profile], stream))


def draw_final_sinc(
    stream: np.random.Generator, probability: float = FINAL_SINC, sides: Sequence[int] = KERNEL_SIDES
) -> Kernel | None:
    """Draw the sinc filter at the end, with this probability and of one of these sides; None for no filter."""
    side, cutoff = int(stream.choice(sides)), stream.uniform(pi / 3, pi)
    return sinc(side, cutoff) if stream.random() < probability else None


def padded(kernel: Kernel | None) -> NDArray[np.float32]:
    """Put a kernel into the middle of one of the largest side; None is the kernel that changes nothing.

    Returns:
        float32 `[KERNEL_SIDE, KERNEL_SIDE]`.
    """
    given = np.ones((1, 1)) if kernel is None else kernel
    return np.pad(given, (KERNEL_SIDE - len(given)) // 2).astype(np.float32)


def _chosen(probabilities: Sequence[float], stream: np.random.Generator) -> int:
    """Choose a place by its probability."""
    return int(np.searchsorted(np.cumsum(probabilities), stream.random() * sum(probabilities), side="right"))


def _beta(limits: Range, stream: np.random.Generator) -> float:
    """Draw an exponent below 1 and above 1 equally often."""
    below = stream.random() < 0.5
    return stream.uniform(limits.least, 1) if below else stream.uniform(1, limits.most)
