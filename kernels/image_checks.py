"""What every op on batches of images refuses."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.backend import choose

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


def placed(means: Tensor | None, plan: Tensor) -> Tensor | None:
    """Return means as kernels read them: dense, beside the plan and of its dtype."""
    return None if means is None else means.detach().to(plan).contiguous()


def takes_kernel(op: str, backend: str, images: Tensor, compute: torch.dtype) -> bool:
    """Tell whether the kernel runs on these images; kernels take three channels and compute in float32.

    Args:
        op: whose input it is, for the message.
        backend: `auto`, `reference` or `triton`.
        images: `[N, C, H, W]`.
        compute: in which dtype the op computes.

    Returns:
        False for the reference, and for a batch without pixels.

    Raises:
        KernelInputError: an unknown backend, or the kernel was asked for and cannot run.
    """
    suits = images.shape[1] == 3 and compute == torch.float32
    if choose(backend, images) == "reference" or (backend == "auto" and not suits):
        return False
    if not suits:
        raise KernelInputError(
            f'{op}: `backend="triton"`: got {images.shape[1]} channels, computed in {compute}, wanted 3, in '
            'torch.float32; take `backend="auto"` or `backend="reference"`'
        )
    return images.numel() > 0


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
