"""What happens to an image: blur, resize, noise, JPEG. Each is a function of the image and its parameters."""

import warnings
from functools import cache
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Mode = Literal["area", "bilinear", "bicubic"]
LEVELS = 255
# Of red, green and blue, as torchvision turns RGB into grey: ITU-R BT.601.
GREY = (0.2989, 0.587, 0.114)


class Noise(NamedTuple):
    """Which noise there is.

    Attributes:
        kind: Gaussian, or Poisson: photons of as many levels as the image has.
        strength: standard deviation in 8-bit levels, or factor of the Poisson noise.
        is_grey: whether all channels have the same.
    """

    kind: Literal["gaussian", "poisson"]
    strength: float
    is_grey: bool


def blur(images: Tensor, kernels: Tensor) -> Tensor:
    """Correlate each image with its kernel; beyond the border it is mirrored.

    Args:
        images: float32 `[N, C, H, W]`.
        kernels: float32 `[N, k, k]`, k odd.

    Returns:
        The same shape. Through the Fourier transform, which is as exact as a convolution in float32 and twice as fast.
    """
    reach = kernels.shape[-1] // 2
    rows, columns = (_mirrored(side, reach, images.device) for side in images.shape[-2:])
    wide = images[..., rows[:, None], columns]
    size = tuple(_quick(side) for side in wide.shape[-2:])
    spectrum = torch.fft.rfft2(wide, s=size) * torch.fft.rfft2(kernels.flip(-1, -2), s=size)[:, None]
    height, width = wide.shape[-2:]
    blurred: Tensor = torch.fft.irfft2(spectrum, s=size)[..., 2 * reach : height, 2 * reach : width]
    return blurred


def resize(image: Tensor, size: tuple[int, int], mode: Mode) -> Tensor:
    """Resize without antialiasing, as the published process does, whose aliasing is part of it.

    Args:
        image: float32 `[C, H, W]`.
        size: height and width, in pixels.
        mode: how.

    Returns:
        float32 `[C, *size]`.
    """
    if size == tuple(image.shape[1:]):
        return image
    aligned = {} if mode == "area" else {"align_corners": False}
    return F.interpolate(image[None], size=size, mode=mode, **aligned)[0]


def add_noise(image: Tensor, noise: Noise, generator: torch.Generator) -> Tensor:
    """Add noise, and clamp.

    Args:
        image: float32 RGB `[3, H, W]`.
        noise: which.
        generator: of the image's device.

    Returns:
        The same shape, in [0, 1].
    """
    added = _gaussian(image, noise, generator) if noise.kind == "gaussian" else _poisson(image, noise, generator)
    return (image + added).clamp(0, 1)


def jpeg(image: Tensor, quality: int) -> Tensor:
    """Encode as JPEG and decode: libjpeg-turbo on a CPU, nvJPEG on a GPU, with halved chroma as encoders have it.

    Args:
        image: float32 RGB `[3, H, W]`, clamped to [0, 1] and rounded to 8 bits first.
        quality: 1 to 100.

    Returns:
        The same shape, in [0, 1].
    """
    from torchvision.io import decode_jpeg, encode_jpeg

    # torchvision 0.29 announces that torchcodec will take these over.
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        data = encode_jpeg(to_levels(image), quality=quality)
        decoded: Tensor = decode_jpeg(data.cpu(), device=image.device)
    return decoded.to(torch.float32).div(LEVELS)


def to_levels(image: Tensor) -> Tensor:
    """Round to 8 bits."""
    return image.clamp(0, 1).mul(LEVELS).round().to(torch.uint8)


def _mirrored(side: int, reach: int, device: torch.device) -> Tensor:
    """List the pixels of a line and of its mirror images around it, however short it is."""
    places = torch.arange(-reach, side + reach, device=device)
    period = max(2 * side - 2, 1)
    places = places % period
    return torch.minimum(places, period - places) if side > 1 else places * 0


@cache
def _quick(side: int) -> int:
    """Find the next side whose only factors are 2, 3 and 5: Fourier transforms of others take several times as long."""
    rest = side
    for factor in (2, 3, 5):
        while rest % factor == 0:
            rest //= factor
    return side if rest == 1 else _quick(side + 1)


def _gaussian(image: Tensor, noise: Noise, generator: torch.Generator) -> Tensor:
    shape = (1 if noise.is_grey else len(image), *image.shape[1:])
    return torch.randn(shape, generator=generator, device=image.device) * (noise.strength / LEVELS)


def _poisson(image: Tensor, noise: Noise, generator: torch.Generator) -> Tensor:
    """Source: Real-ESRGAN's published process: shot noise of the next power of two above the number of levels."""
    seen = to_levels(_grey(image) if noise.is_grey else image)
    levels = int(torch.bincount(seen.flatten(), minlength=LEVELS + 1).count_nonzero())
    photons = 1 << (levels - 1).bit_length()
    rates = seen.to(torch.float32).div(LEVELS)
    return (torch.poisson(rates * photons, generator=generator) / photons - rates) * noise.strength


def _grey(image: Tensor) -> Tensor:
    weights = torch.tensor(GREY, device=image.device)
    return (weights[:, None, None] * image).sum(0, keepdim=True)
