"""HR crops -> LR: blur, resize, noise and JPEG, twice, with a sinc filter at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from gsdd.data.real_esrgan.kernels import Kernel, draw_blur, draw_final_sinc, padded
from gsdd.data.real_esrgan.options import FIRST, SECOND, Order
from gsdd.data.real_esrgan.stages import LEVELS, Mode, Noise, add_noise, blur, jpeg, resize, to_levels
from gsdd.data.served import Draw
from gsdd.randomness import hashed, numpy_stream

MODES: tuple[Mode, ...] = get_args(Mode)
SINC_LAST = 0.5


class Round(NamedTuple):
    """What one of the two rounds does.

    Attributes:
        kernel: of the blur; None for no blur.
        factor: of the size.
        mode: of the resizing.
        noise: that is added.
        quality: of the JPEG.
    """

    kernel: Kernel | None
    factor: float
    mode: Mode
    noise: Noise
    quality: int


class Plan(NamedTuple):
    """Everything that is drawn for an image but its noise.

    Attributes:
        rounds: the first and the second.
        sinc: the filter at the end; None for no filter.
        mode: of the resizing to LR's size.
        jpeg_last: whether the second JPEG comes after the filter, or before the resizing.
    """

    rounds: tuple[Round, Round]
    sinc: Kernel | None
    mode: Mode
    jpeg_last: bool


def draw_plan(draw: Draw) -> Plan:
    """Draw what happens to an image: a function of (seed, pair, visit)."""
    stream = numpy_stream(draw.seed, "degradation of a pair", draw.pair, draw.visit)
    rounds = _draw_round(FIRST, stream), _draw_round(SECOND, stream)
    return Plan(rounds, draw_final_sinc(stream), _draw_mode(stream), bool(stream.random() < SINC_LAST))


@dataclass(frozen=True)
class RealESRGAN:
    """The second-order degradation of Real-ESRGAN. HR is taken as it is; its authors sharpen HR for the GAN stage.

    Attributes:
        scale: HR side / LR side.
    """

    scale: int

    @property
    def name(self) -> str:
        """Its name in the record of a training."""
        return "realesrgan"

    def __call__(self, hr: Tensor, draws: Sequence[Draw]) -> Tensor:
        """Make LR of crops.

        Args:
            hr: float32 RGB `[N, 3, H, W]` in [0, 1]; sides are multiples of the scale.
            draws: of each. On one kind of device, what comes of a crop is a function of the crop and of its draw.

        Returns:
            LR of 8-bit levels, float32 RGB `[N, 3, H / scale, W / scale]` in [0, 1].
        """
        plans = [draw_plan(draw) for draw in draws]
        blurred = _blurred(hr, [plan.rounds[0].kernel for plan in plans])
        return torch.stack([self._rest(*each) for each in zip(blurred, plans, draws, strict=True)])

    def _rest(self, image: Tensor, plan: Plan, draw: Draw) -> Tensor:
        """Do with an image what comes after the first blur."""
        height, width = image.shape[1:]
        low = height // self.scale, width // self.scale
        first, second = plan.rounds
        noise = _generator(draw, image.device)
        image = resize(image, _size((height, width), first.factor), first.mode)
        image = jpeg(add_noise(image, first.noise, noise), first.quality)
        image = _blurred(image[None], [second.kernel])[0]
        image = add_noise(resize(image, _size(low, second.factor), second.mode), second.noise, noise)
        if plan.jpeg_last:
            image = jpeg(_blurred(resize(image, low, plan.mode)[None], [plan.sinc])[0], second.quality)
        else:
            image = _blurred(resize(jpeg(image, second.quality), low, plan.mode)[None], [plan.sinc])[0]
        return to_levels(image).to(torch.float32).div(LEVELS)


def _blurred(images: Tensor, kernels: Sequence[Kernel | None]) -> Tensor:
    if not any(kernel is not None for kernel in kernels):
        return images
    stack = np.stack([padded(kernel) for kernel in kernels])
    return blur(images, torch.from_numpy(stack).to(images.device))


def _size(size: tuple[int, int], factor: float) -> tuple[int, int]:
    height, width = (max(int(side * factor), 1) for side in size)
    return height, width


def _generator(draw: Draw, device: torch.device) -> torch.Generator:
    return torch.Generator(device).manual_seed(hashed(draw.seed, "noise of a pair", draw.pair, draw.visit) >> 1)


def _draw_round(order: Order, stream: np.random.Generator) -> Round:
    kernel, is_blurred = draw_blur(order.blur, stream), stream.random() < order.blurred
    return Round(
        kernel if is_blurred else None,
        _draw_factor(order, stream),
        _draw_mode(stream),
        _draw_noise(order, stream),
        round(stream.uniform(*order.quality)),
    )


def _draw_factor(order: Order, stream: np.random.Generator) -> float:
    enlarge, shrink, _ = order.resize
    choice, larger, smaller = (
        stream.random(),
        stream.uniform(1, order.factors.most),
        stream.uniform(order.factors[0], 1),
    )
    if choice < enlarge:
        return larger
    return smaller if choice < enlarge + shrink else 1.0


def _draw_noise(order: Order, stream: np.random.Generator) -> Noise:
    is_gaussian, is_grey = stream.random() < order.gaussian, bool(stream.random() < order.grey)
    sigma, factor = stream.uniform(*order.sigma), stream.uniform(*order.poisson)
    return Noise("gaussian", sigma, is_grey) if is_gaussian else Noise("poisson", factor, is_grey)


def _draw_mode(stream: np.random.Generator) -> Mode:
    return MODES[int(stream.integers(len(MODES)))]
