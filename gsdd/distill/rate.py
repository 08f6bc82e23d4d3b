"""The rate term: what latents cost in bits, as something with a gradient, beside what their images are worth."""

import math
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from gsdd.formats import cosines, entropy, spectrum
from gsdd.formats.dct_codec import DctCodec


def rate(latents: Tensor, codec: DctCodec) -> Tensor:
    """Weigh the bits that the coefficients of latents take by the tables that fit them now, but for a constant.

    A table has the density (1 + (x/s)^2)^-2 of a coefficient that is x steps large: 2 log2(1 + (x/s)^2) bits.

    Args:
        latents: float32 `[N, 3, h, w]`.
        codec: whose step and tables count.

    Returns:
        Bits a value times the square of the step, at least 0, `[N]`, with a gradient; 0 where all coefficients are.
    """
    steps = latents.new_tensor(codec.steps or (codec.step,))[:, None, None, None, None]
    values = transformed(latents - 0.5) / steps
    scales = torch.from_numpy(_scales(codec, latents)).to(values)
    bits = 2 / math.log(2) * (values / scales[..., None]).square().log1p()
    return (steps.square() * bits).mean((1, 2, 3, 4))


def transformed(latents: Tensor) -> Tensor:
    """Transform latents as `cosines.transformed` does, with a gradient.

    Args:
        latents: floating `[N, 3, h, w]`.

    Returns:
        Coefficients `[N, 3, 8, 8, blocks]`.
    """
    height, width = latents.shape[2:]
    size = cosines.BLOCK
    missing = (0, -width % size, 0, -height % size)
    blocks = pad(latents, missing, mode="replicate").unflatten(2, (-1, size)).unflatten(4, (-1, size))
    channels, side = (_basis(length, latents.device) for length in (cosines.CHANNELS, size))
    return torch.einsum("pc,vi,uj,ncaibj->npvuab", channels, side, side, blocks).flatten(4)


@torch.no_grad()
def _scales(codec: DctCodec, latents: Tensor) -> "np.ndarray[Any, np.dtype[np.float32]]":
    tables = spectrum.tables_of(codec.heads(latents.detach().cpu().float().numpy()))
    return (2.0 ** (tables / 2 - entropy.FINENESS)).astype(np.float32)


@cache
def _basis(length: int, device: torch.device) -> Tensor:
    return torch.from_numpy(cosines.cosines(length)).float().to(device)
