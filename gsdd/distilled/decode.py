"""Latents -> HR images, in chunks that never change shape; HR -> LR."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor

from gsdd.data.degradation import to_uint8
from gsdd.generators.generator import Generator

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
    """
    with _exact_fp32(generator.device.type):
        chunks = [_decode_chunk(generator, latents[start : start + CHUNK]) for start in range(0, len(latents), CHUNK)]
    height, width = latents.shape[2] * generator.scale, latents.shape[3] * generator.scale
    return torch.cat([torch.empty(0, 3, height, width, dtype=torch.uint8, device="cpu"), *chunks])


def _decode_chunk(generator: Generator, latents: Tensor) -> Tensor:
    padding = latents[-1:].expand(CHUNK - len(latents), -1, -1, -1)
    full = torch.cat([latents, padding]).to(generator.device, torch.float32)
    return to_uint8(generator(full)[: len(latents)]).cpu()


@contextmanager
def _exact_fp32(device_type: str) -> Iterator[None]:
    """Shut out what a caller's trainer may have switched on: autocast, TF32, kernels picked by timing."""
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.autocast(device_type, enabled=False))
        if device_type == "cuda":
            flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
            stack.enter_context(flags)
        yield
