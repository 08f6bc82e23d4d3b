"""What the generator knows without any distillation: G of the down-sampled crops."""

from torch import Tensor

from gsdd.data.degradation import low_resolution, to_float
from gsdd.distilled.decode import decode
from gsdd.generators.generator import Generator


def upscaled(generator: Generator, crops: Tensor) -> Tensor:
    """Give G(z) where z is the crop's LR image in 8 bits, as it would be stored.

    Args:
        generator: G.
        crops: HR, uint8 RGB `[N, 3, H, W]`; H and W multiples of the scale.

    Returns:
        uint8 RGB `[N, 3, H, W]` on the CPU.
    """
    return decode(generator, to_float(low_resolution(crops, generator.scale)))
