"""LR that is made of an HR crop whenever it is served: by a user's function, or by a process that is built in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, get_args

import torch
from torch import Tensor

from gsdd.errors import RecipeError
from gsdd.randomness import torch_stream

Function = Callable[[Tensor, torch.Generator], Tensor]
Named = Literal["bicubic", "realesrgan"]


class Draw(NamedTuple):
    """What the random numbers of a degradation are a function of.

    Attributes:
        seed: of the training.
        pair: which HR image, from 0.
        visit: how many times it was seen before.
    """

    seed: int
    pair: int
    visit: int


class Degradation(Protocol):
    """A process that makes LR of HR crops, each by random numbers of its own."""

    @property
    def scale(self) -> int:
        """HR side / LR side."""

    @property
    def name(self) -> str:
        """Its name in the record of a training."""

    def __call__(self, hr: Tensor, draws: Sequence[Draw]) -> Tensor:
        """Make LR of crops.

        Args:
            hr: float32 RGB `[N, 3, H, W]` in [0, 1], on any device; sides are multiples of the scale.
            draws: of each crop. What comes of a crop does not depend on the others.

        Returns:
            float32 RGB `[N, 3, H / scale, W / scale]` on that device.
        """


@dataclass(frozen=True)
class Own:
    """A user's function as a degradation.

    Attributes:
        function: HR, float32 RGB `[3, H, W]` in [0, 1], and a torch generator of its own -> LR, `[3, H / scale,
            W / scale]`.
        scale: HR side / LR side.
    """

    function: Function
    scale: int

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.function, "__qualname__", type(self.function).__qualname__)

    def __call__(self, hr: Tensor, draws: Sequence[Draw]) -> Tensor:
        """Call the function for each crop; raises RecipeError where it gives something else than LR."""
        return torch.stack([self._one(image, draw) for image, draw in zip(hr, draws, strict=True)])

    def _one(self, hr: Tensor, draw: Draw) -> Tensor:
        low = self.function(hr, torch_stream(draw.seed, "degradation of a pair", draw.pair, draw.visit))
        wanted = [hr.shape[0], *(side // self.scale for side in hr.shape[1:])]
        if not isinstance(low, Tensor) or list(low.shape) != wanted or not low.is_floating_point():
            got = f"{low.dtype} {list(low.shape)}" if isinstance(low, Tensor) else type(low).__name__
            raise RecipeError(
                f"`lr`: {self.name} made {got} of HR {list(hr.shape)}; wanted floating point {wanted}, as `scale` is "
                f"{self.scale}"
            )
        return low.to(torch.float32)


def find_degradation(lr: Named | Function | None, scale: int) -> Degradation | None:
    """Find what makes LR of a crop.

    Args:
        lr: "realesrgan", a function of HR and a torch generator, "bicubic", or None for no LR.
        scale: HR side / LR side.

    Returns:
        The process; None where LR is bicubic, which is made once and kept, or not made at all.

    Raises:
        RecipeError: there is no such degradation.
    """
    if lr is None or lr == "bicubic":
        return None
    if lr == "realesrgan":
        from gsdd.data.real_esrgan.process import RealESRGAN

        return RealESRGAN(scale)
    if callable(lr):
        return Own(lr, scale)
    known = ", ".join(map(repr, get_args(Named)))
    raise RecipeError(f"`lr`: got {lr!r}, wanted {known}, a function of HR and a torch generator, or None for HR alone")
