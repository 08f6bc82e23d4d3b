"""HR-LR pairs in memory, whatever they came from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsdd.data.degradation import SCALE, low_resolution, whole
from gsdd.errors import KernelInputError

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Pairs:
    """HR images and their LR partners; sides of HR are multiples of the scale.

    Attributes:
        hr: uint8 RGB `[3, H, W]` each, of any sizes.
        lr: uint8 RGB `[3, H / scale, W / scale]` each.
        classes: the class of each, empty where it has none.
        names: what each is called.
        scale: HR side / LR side.
    """

    hr: tuple[Pixels, ...]
    lr: tuple[Pixels, ...]
    classes: tuple[str, ...]
    names: tuple[str, ...]
    scale: int = SCALE

    @classmethod
    def of(cls, hr: Tensor, lr: Tensor | None = None, classes: Sequence[str] = (), scale: int = SCALE) -> "Pairs":
        """Take images that are in memory; they are not copied.

        Args:
            hr: uint8 RGB `[N, 3, H, W]` on the CPU.
            lr: uint8 RGB `[N, 3, H / scale, W / scale]`; None makes them, as every other pair of gsdd is made.
            classes: the class of each image; none for no classes.
            scale: HR side / LR side.

        Returns:
            The pairs.

        Raises:
            KernelInputError: shapes or dtypes are other ones.
        """
        small = low_resolution(hr, scale) if lr is None else lr
        _check(hr, small, scale)
        given = tuple(classes) or ("",) * len(hr)
        return cls(tuple(hr.numpy()), tuple(small.numpy()), given, tuple(map(str, range(len(hr)))), scale)

    @classmethod
    def of_images(
        cls, images: Sequence[Pixels], classes: Sequence[str], names: Sequence[str], scale: int = SCALE
    ) -> "Pairs":
        """Make the LR partners of images of any sizes, which are cut to multiples of the scale, right and bottom."""
        hr = tuple(image[:, : whole(image.shape[1], scale), : whole(image.shape[2], scale)] for image in images)
        return cls(hr, tuple(_low_resolution(image, scale) for image in hr), tuple(classes), tuple(names), scale)

    def some(self, numbers: Sequence[int]) -> "Pairs":
        """Give some of the pairs, in the order wanted."""
        hr, lr = (tuple(images[number] for number in numbers) for images in (self.hr, self.lr))
        classes, names = (tuple(texts[number] for number in numbers) for texts in (self.classes, self.names))
        return Pairs(hr, lr, classes, names, self.scale)

    def __len__(self) -> int:
        return len(self.hr)

    @cached_property
    def sha256(self) -> str:
        """The sha256 of all pixels and classes."""
        digest = hashlib.sha256()
        for hr, lr, name in zip(self.hr, self.lr, self.classes, strict=True):
            digest.update(f"{hr.shape} {name}\n".encode())
            digest.update(np.ascontiguousarray(hr).data)
            digest.update(np.ascontiguousarray(lr).data)
        return digest.hexdigest()


def _low_resolution(image: Pixels, scale: int) -> Pixels:
    small: Pixels = low_resolution(torch.from_numpy(np.ascontiguousarray(image))[None], scale)[0].numpy()
    return small


def _check(hr: Tensor, lr: Tensor, scale: int) -> None:
    count, height, width = len(hr), hr.shape[-2], hr.shape[-1]
    wanted = ((count, 3, height, width), (count, 3, height // scale, width // scale))
    shapes = (tuple(hr.shape), tuple(lr.shape))
    if shapes != wanted or height % scale or width % scale or {hr.dtype, lr.dtype} != {torch.uint8}:
        raise KernelInputError(
            f"pairs: got HR {hr.dtype} {list(hr.shape)} and LR {lr.dtype} {list(lr.shape)}; wanted uint8 [N, 3, H, W] "
            f"and [N, 3, H / {scale}, W / {scale}], sides of HR multiples of {scale}"
        )
