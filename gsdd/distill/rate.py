"""The rate term: what latents cost in bits, as something with a gradient, beside what their images are worth."""

import math

from torch import Tensor

from gsdd.distill.coefficients import Coded, transformed


def rate(latents: Tensor, coded: Coded) -> Tensor:
    """Weigh the bits that the coefficients of latents take by the tables that fit them now, but for a constant.

    A table has the density (1 + (x/s)^2)^-2 of a coefficient that is x steps large: 2 log2(1 + (x/s)^2) bits.

    Args:
        latents: float32 `[N, 3, h, w]`.
        coded: what the codec makes of them, whose steps and tables count.

    Returns:
        Bits a value times the square of the step, at least 0, `[N]`, with a gradient; 0 where all coefficients are.
    """
    steps = coded.steps.to(latents)[:, None, None, None, None]
    values = transformed(latents - 0.5) / steps
    bits = 2 / math.log(2) * (values / coded.spread.to(latents)[..., None]).square().log1p()
    return (steps.square() * bits).mean((1, 2, 3, 4))
