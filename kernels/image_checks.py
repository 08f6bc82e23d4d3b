"""What every op on batches of images refuses."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gsdd.errors import KernelInputError

IMAGE_DTYPES = (torch.uint8, torch.float32, torch.float64, torch.bfloat16, torch.float16)


def check_images(op: str, images: Tensor) -> None:
    """Refuse what is not a batch of images.

    Args:
        op: whose input it is, for the message.
        images: wanted uint8 or floating `[N, C, H, W]`.

    Raises:
        KernelInputError: another dtype or number of axes.
    """
    if images.ndim != 4 or images.dtype not in IMAGE_DTYPES:
        raise KernelInputError(f"{op}: got {images.dtype} {tuple(images.shape)}, wanted uint8 or floating [N, C, H, W]")


def channel_numbers(images: Tensor, name: str, numbers: Sequence[float] | None) -> list[float] | None:
    """Check a mean or std.

    Args:
        images: `[N, C, H, W]` that it is for.
        name: `mean` or `std`.
        numbers: one a channel; None is left as it is.

    Returns:
        The numbers as floats.

    Raises:
        KernelInputError: another number of channels, or a std that is not above 0.
    """
    if numbers is None:
        return None
    if len(numbers) != images.shape[1] or (name == "std" and min(numbers) <= 0):
        wanted = f"{images.shape[1]} numbers, one a channel" + ", above 0" * (name == "std")
        raise KernelInputError(f"{name}: got {tuple(numbers)}, wanted {wanted}")
    return [float(number) for number in numbers]
