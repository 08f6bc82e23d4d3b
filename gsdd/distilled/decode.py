"""Latents -> HR images, in chunks that never change shape; HR -> LR."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gsdd.data.degradation import to_uint8
from gsdd.errors import DivergedError
from gsdd.generators.generator import Generator
from gsdd.parallel.exact import exact_fp32
from gsdd.parallel.memory_error import advising

# Every reader decodes as many at once, and the run that signed the images did.
CHUNK = 8


class ImageNotFiniteError(DivergedError):
    """G makes NaN or infinity of a latent; `number` is the latent's."""

    def __init__(self, number: int) -> None:
        super().__init__(f"latent {number}: the image that the generator makes of it is not finite")
        self.number = number


def decode(
    generator: Generator, latents: Tensor, numbers: Sequence[int] | None = None, *, grey: bool = False
) -> Tensor:
    """Compute `round(255 * clamp(G(z)))` in fp32.

    G always sees exactly 8 latents, the last ones padded by repeating: convolution libraries pick a kernel by the
    batch's shape, so with one shape the bytes of an image do not depend on how many latents are asked for.

    Args:
        generator: G; the work runs on its device.
        latents: float32 `[N, C, h, w]`, image-like, about [0, 1]; N may be 0.
        numbers: which latents these are, for messages; None counts from 0.
        grey: whether each channel is to be the mean of the three of G(z): of all grey images the nearest to it.

    Returns:
        HR images, uint8 RGB `[N, 3, H, W]` on the CPU.

    Raises:
        DeviceMemoryError: they do not fit the device. Fewer at once would be other bytes.
        ImageNotFiniteError: an image is not finite; as uint8 it would be black, or any other colour.
    """
    memory = advising(f"the decoding of {CHUNK} images at once", generator.device, 'take `device="cpu"`')
    with torch.no_grad(), exact_fp32(generator.device.type), memory:
        known = range(len(latents)) if numbers is None else numbers
        starts = range(0, len(latents), CHUNK)
        chunks = [_decode_chunk(generator, latents[k : k + CHUNK], known[k : k + CHUNK], grey) for k in starts]
    height, width = latents.shape[2] * generator.scale, latents.shape[3] * generator.scale
    return torch.cat([torch.empty(0, 3, height, width, dtype=torch.uint8, device="cpu"), *chunks])


def _decode_chunk(generator: Generator, latents: Tensor, numbers: Sequence[int], grey: bool) -> Tensor:
    padding = latents[-1:].expand(CHUNK - len(latents), -1, -1, -1)
    full = torch.cat([latents, padding]).to(generator.device, torch.float32)
    images = generator(full)[: len(latents)]
    spoiled = images.isfinite().logical_not_().flatten(1).any(dim=1).cpu()
    if bool(spoiled.any()):
        raise ImageNotFiniteError(numbers[int(spoiled.int().argmax())])
    return to_uint8(images.mean(dim=1, keepdim=True).expand_as(images) if grey else images).cpu()
