"""Rows of what lies on a device, by numbers that lie on the host, without waiting for the device."""

from math import prod
from pathlib import Path

import torch
from torch import Tensor

from gsdd.data.image_store import READ_TOGETHER, Images, ImageStore
from gsdd.kernels.upload import uploaded

# Of the free memory of a GPU: what crops or last images may take.
SHARE_FOR_IMAGES = 0.1


def fits(count: int, device: torch.device) -> bool:
    """Tell whether a GPU has room for so many bytes that stay there for a whole search."""
    return device.type == "cuda" and count <= SHARE_FOR_IMAGES * torch.cuda.mem_get_info(device)[0]


def room_for(shape: tuple[int, int, int, int], device: torch.device, directory: Path) -> Images:
    """Make room for images: on the device, or in a file if that is no GPU or has none.

    Args:
        shape: `[N, 3, H, W]`.
        device: where they are used.
        directory: of the file, as for `ImageStore`.

    Returns:
        Black images, uint8.

    Raises:
        OutputError: the directory has no room either.
    """
    if fits(prod(shape), device):
        return torch.zeros(shape, dtype=torch.uint8, device=device)
    return ImageStore(shape, directory)


def beside(images: Images, device: torch.device) -> Images:
    """Copy images to a GPU that has room for them; else return them as they are.

    Args:
        images: `[N, 3, H, W]`.
        device: where they are used.
    """
    if not fits(len(images) * prod(images.shape[1:]) * images.dtype.itemsize, device):
        return images
    there = torch.empty(tuple(images.shape), dtype=images.dtype, device=device)
    for index in torch.arange(len(images)).split(READ_TOGETHER):
        there[index[0] : index[-1] + 1] = images[index].to(device)
    return there


def taken(rows: Images, index: Tensor) -> Tensor:
    """Copy some rows, where they lie.

    Args:
        rows: `[N, ...]`.
        index: of rows, int64 `[M]`, on the host.

    Returns:
        `[M, ...]`.
    """
    return rows[index] if isinstance(rows, ImageStore) else rows[uploaded(index, rows.device)]


def put(rows: Images, index: Tensor, values: Tensor) -> None:
    """Overwrite some rows.

    Args:
        rows: `[N, ...]`.
        index: of rows, int64 `[M]`, on the host.
        values: `[M, ...]`, where the rows lie; for a store anywhere.
    """
    if isinstance(rows, ImageStore):
        rows[index] = values
    else:
        rows.index_copy_(0, uploaded(index, rows.device), values)
