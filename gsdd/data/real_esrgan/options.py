"""The published parameters of the degradation.

Source: Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data", ICCV workshops
2021, and the options that its authors trained x4plus with, xinntao/Real-ESRGAN@a4abfb2,
options/train_realesrgan_x4plus.yml.
"""

from dataclasses import dataclass
from typing import NamedTuple

# Sides of blur kernels, and of what they are padded to where kernels are stacked.
KERNEL_SIDES = tuple(range(7, 22, 2))
KERNEL_SIDE = max(KERNEL_SIDES)
FINAL_SINC = 0.8
# As the published options call them, in the order of `Blur.shapes`.
KERNEL_NAMES = ("iso", "aniso", "generalized_iso", "generalized_aniso", "plateau_iso", "plateau_aniso")


class Range(NamedTuple):
    """What a value is drawn from, uniformly."""

    least: float
    most: float


GENERALISED, PLATEAU = Range(0.5, 4), Range(1, 2)
QUALITY = Range(30, 95)


@dataclass(frozen=True)
class Blur:
    """How a blur kernel is drawn.

    Attributes:
        sinc: probability of a sinc kernel.
        shapes: probability of each of `KERNEL_NAMES`, where it is none.
        sigma: standard deviation along an axis, in pixels.
        generalised: exponent of the generalised Gaussian.
        plateau: exponent of the plateau-shaped kernel.
        sides: of kernels, in pixels, each as likely; odd, up to `KERNEL_SIDE`.
    """

    sigma: Range
    sinc: float = 0.1
    shapes: tuple[float, ...] = (0.45, 0.25, 0.12, 0.03, 0.12, 0.03)
    generalised: Range = GENERALISED
    plateau: Range = PLATEAU
    sides: tuple[int, ...] = KERNEL_SIDES


@dataclass(frozen=True)
class Order:
    """One of the two rounds of blur, resize, noise and JPEG.

    Attributes:
        blurred: probability of the blur.
        blur: its kernel.
        resize: probability of enlarging, shrinking, keeping.
        factors: of the size.
        gaussian: probability of Gaussian noise; else it is Poisson noise.
        sigma: of Gaussian noise, in 8-bit levels.
        poisson: factor of Poisson noise.
        grey: probability that all channels have the same noise.
        quality: of the JPEG.
    """

    blur: Blur
    resize: tuple[float, float, float]
    factors: Range
    sigma: Range
    poisson: Range
    blurred: float = 1.0
    gaussian: float = 0.5
    grey: float = 0.4
    quality: Range = QUALITY


FIRST = Order(
    blur=Blur(sigma=Range(0.2, 3)),
    resize=(0.2, 0.7, 0.1),
    factors=Range(0.15, 1.5),
    sigma=Range(1, 30),
    poisson=Range(0.05, 3),
)
SECOND = Order(
    blur=Blur(sigma=Range(0.2, 1.5)),
    blurred=0.8,
    resize=(0.3, 0.4, 0.3),
    factors=Range(0.3, 1.2),
    sigma=Range(1, 25),
    poisson=Range(0.05, 2.5),
)
