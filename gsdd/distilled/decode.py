"""Latents -> HR images, in chunks that never change shape; HR -> LR."""

import torch
from torch import Tensor

from gsdd.data.degradation import to_uint8
from gsdd.generators.generator import Generator
from gsdd.parallel.exact import exact_fp32
from gsdd.parallel.memory_error import advising

# Every reader decodes as many at once, and the run that signed the images did.
CHUNK = 8


def decode(generator: Generator, latents: Tensor) -> Tensor:
    """Compute `round(255 * clamp(G(z)))` in fp32.

    G always sees exactly 8 latents, the last ones padded by repeating: convolution libraries pick a kernel by the
    batch's shape, so with one shape the bytes of an image do not depend on how many latents are asked for.

    Args:
        generator: G; the work runs on its device.
        latents: float32 `[N, C, h, w]`, image-like, about [0, 1]; N may be 0.

    Returns:
        HR images, uint8 RGB `[N, 3, H, W]` on the CPU.

    Raises:
        DeviceMemoryError: they do not fit the device. Fewer at once would be other bytes.
    """
    memory = advising(f"the decoding of {CHUNK} images at once", generator.device, 'take `device="cpu"`')
    with torch.no_grad(), exact_fp32(generator.device.type), memory:
        chunks = [_decode_chunk(generator, latents[start : start + CHUNK]) for start in range(0, len(latents), CHUNK)]
    height, width = latents.shape[2] * generator.scale, latents.shape[3] * generator.scale
    return torch.cat([torch.empty(0, 3, height, width, dtype=torch.uint8, device="cpu"), *chunks])


def _decode_chunk(generator: Generator, latents: Tensor) -> Tensor:
    padding = latents[-1:].expand(CHUNK - len(latents), -1, -1, -1)
    full = torch.cat([latents, padding]).to(generator.device, torch.float32)
    return to_uint8(generator(full)[: len(latents)]).cpu()
