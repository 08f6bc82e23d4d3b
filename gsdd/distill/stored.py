"""Latents as a file will give them back, computed where they lie."""

import torch
from torch import Tensor

from gsdd.distill.coefficients import Coefficients
from gsdd.formats.affine_codec import AffineCodec
from gsdd.formats.codec import Codec
from gsdd.formats.dct_codec import DctCodec
from gsdd.formats.float_codec import FloatCodec

_LARGEST_CODE = 255
_DTYPES = {"F32": torch.float32, "F16": torch.float16}


def as_stored(latents: Tensor, codec: Codec) -> Tensor:
    """Give what decoding gives after encoding, as `Codec.rounded` does; the host does not wait for a GPU.

    Args:
        latents: float32 `[N, 3, h, w]`.
        codec: that will store them. One that is not written here for other devices rounds on the CPU.

    Returns:
        float32 of the same shape, where the latents lie. A GPU refuses none that cannot be stored.

    Raises:
        RecipeError: latents on the CPU cannot be stored.
    """
    match codec:
        case DctCodec():
            return Coefficients.of(latents).at(codec.step).restored().to(latents)
        case FloatCodec() if latents.is_cuda:
            return latents.to(_DTYPES[codec.dtype]).float()
        case AffineCodec() if latents.is_cuda:
            return _in_eight_bits(latents)
    return torch.from_numpy(codec.rounded(latents.cpu().numpy())).to(latents.device)


def _in_eight_bits(latents: Tensor) -> Tensor:
    low, high = latents.amin((2, 3), keepdim=True).double(), latents.amax((2, 3), keepdim=True).double()
    scale, offset = ((high - low) / _LARGEST_CODE).float(), low.float()
    steps = torch.where(scale == 0, 1, scale).double()
    codes = ((latents - low) / steps).round_().clamp_(0, _LARGEST_CODE) * (scale != 0)
    return codes.float() * scale + offset
