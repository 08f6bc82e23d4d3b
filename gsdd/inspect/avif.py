"""Crops as a lossy codec stores them: what a number of bytes holds without any distillation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gsdd.errors import RecipeError

# AV1 has twice as many, but libavif opens no larger picture unless it is told to, which Pillow does not.
MOST_ROWS = 1 << 15
# Crops that tell how many bytes one takes.
FIRST_LOOK = 8
# What serves an SR student best, which learns pixels and colour; the encoder's own tuning is for the eye, and further
# from the photos in as many bytes. One thread gives the same bytes on any number of cores.
SETTINGS = {
    "codec": "aom",
    "advanced": {"tune": "psnr"},
    "speed": 4,
    "subsampling": "4:4:4",
    "max_threads": 1,
    "autotiling": False,
}


@dataclass(frozen=True)
class Stored:
    """Crops that were stored in a budget, and what comes back.

    Attributes:
        count: how many fit.
        bytes: what they take; at most the budget.
        images: as decoded, uint8 RGB `[count, 3, H, W]`.
    """

    count: int
    bytes: int
    images: Tensor


def fitting(crops: Tensor, budget: int, quality: int) -> Stored:
    """Store as many crops as a budget holds at one quality, the first ones of those given.

    Args:
        crops: uint8 RGB `[N, 3, H, W]`, in random order if random crops are wanted.
        budget: bytes.
        quality: of AVIF, 0 to 100.

    Returns:
        The crops that fit, perhaps none.

    Raises:
        RecipeError: no such quality.
    """
    if not 0 <= quality <= 100:
        raise RecipeError(f"AVIF quality: got {quality}, wanted 0 to 100")

    def size(count: int) -> int:
        return sum(map(len, encoded(crops[:count], quality)))

    count = _most(size, budget, len(crops))
    pictures = encoded(crops[:count], quality)
    return Stored(count, sum(map(len, pictures)), torch.cat([crops[:0], *decoded(pictures, crops.shape[2])]))


def _most(size: Callable[[int], int], budget: int, crops: int) -> int:
    """Find how many fit by false position: size grows almost evenly with the count, and each look is an encoding."""
    fits, too_many = 0, crops + 1
    count = min(FIRST_LOOK, crops)
    while too_many - fits > 1:
        bytes_needed = size(count)
        fits, too_many = (count, too_many) if bytes_needed <= budget else (fits, count)
        count = min(max(budget * count // bytes_needed, fits + 1), too_many - 1)
    return fits


def encoded(crops: Tensor, quality: int) -> list[bytes]:
    """Store crops one below the other in as few AVIF pictures as hold them.

    The header of some 300 bytes, which each crop would have in a file of its own, is paid once, as in a .gsdd file.

    Args:
        crops: uint8 RGB `[N, 3, H, W]`.
        quality: 0 to 100.

    Returns:
        The pictures; for 128x128 crops each holds 256.
    """
    return [_encoded(part, quality) for part in crops.split(MOST_ROWS // crops.shape[2]) if len(part)]


def _encoded(crops: Tensor, quality: int) -> bytes:
    strip = np.ascontiguousarray(crops.permute(0, 2, 3, 1).flatten(0, 1).numpy())
    buffer = BytesIO()
    Image.fromarray(strip).save(buffer, "AVIF", quality=quality, **SETTINGS)
    return buffer.getvalue()


def decoded(pictures: Sequence[bytes], height: int) -> list[Tensor]:
    """Read what `encoded` stored.

    Args:
        pictures: AVIF.
        height: of a crop in pixels.

    Returns:
        The crops of each picture, uint8 RGB `[n, 3, height, W]`.
    """
    return [_decoded(data, height) for data in pictures]


def _decoded(data: bytes, height: int) -> Tensor:
    with Image.open(BytesIO(data), formats=["AVIF"]) as picture:
        strip = torch.from_numpy(np.array(picture.convert("RGB")))
    crops: Tensor = strip.unflatten(0, (-1, height)).permute(0, 3, 1, 2).contiguous()
    return crops
