"""The blur kernels of the real-world models, by the names that BasicSR and traiNNer-redux give their options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gsdd.data.real_esrgan.options import FINAL_SINC, FIRST, KERNEL_NAMES, KERNEL_SIDES, SECOND, Blur, Range
from gsdd.errors import RecipeError

if TYPE_CHECKING:
    from torch import Tensor

    from gsdd.data.served import Draw

_OF_A_ROUND = (
    "kernel_list", "kernel_prob", "kernel_range", "sinc_prob", "blur_sigma", "betag_range", "betap_range",
    "blur_kernel_size",
)  # fmt: skip
NAMES = frozenset([name + end for name in _OF_A_ROUND for end in ("", "2")] + ["final_sinc_prob", "final_kernel_range"])


@dataclass(frozen=True)
class Kernels:
    """What the kernels of an item are drawn from.

    Attributes:
        first: the first blur.
        second: the second one.
        final: probability of the filter at the end.
        final_sides: of its kernels.
    """

    first: Blur
    second: Blur
    final: float
    final_sides: tuple[int, ...]

    def draw(self, draw: "Draw") -> "dict[str, Tensor]":
        """Draw the kernels of a visit, float32 `[21, 21]` each."""
        import torch

        from gsdd.data.real_esrgan.kernels import draw_blur, draw_final_sinc, padded
        from gsdd.randomness import numpy_stream

        stream = numpy_stream(draw.seed, "kernels of a pair", draw.pair, draw.visit)
        kernels = {
            "kernel1": draw_blur(self.first, stream),
            "kernel2": draw_blur(self.second, stream),
            "sinc_kernel": draw_final_sinc(stream, self.final, self.final_sides),
        }
        return {name: torch.from_numpy(padded(kernel)) for name, kernel in kernels.items()}


def kernels_of(options: Mapping[str, Any]) -> Kernels:
    """Read the options of the kernels.

    Args:
        options: by the trainers' names; what is missing is as Real-ESRGAN published it.

    Returns:
        What kernels are drawn from.

    Raises:
        RecipeError: a shape of kernels that there is not, or other numbers of shapes and probabilities.
    """
    first, second = _blur(options, "", FIRST.blur), _blur(options, "2", SECOND.blur)
    sides = _sides(options.get("final_kernel_range"), KERNEL_SIDES)
    return Kernels(first, second, options.get("final_sinc_prob", FINAL_SINC), sides)


def _blur(options: Mapping[str, Any], end: str, published: Blur) -> Blur:
    names = {"blur_sigma": "sigma", "betag_range": "generalised", "betap_range": "plateau"}
    ranges = {ours: Range(*options[name + end]) for name, ours in names.items() if name + end in options}
    return replace(
        published,
        **ranges,
        sinc=options.get(f"sinc_prob{end}", published.sinc),
        shapes=_shapes(options, end, published.shapes),
        sides=_sides(options.get(f"kernel_range{end}"), published.sides),
    )


def _shapes(options: Mapping[str, Any], end: str, published: Sequence[float]) -> tuple[float, ...]:
    names, shares = options.get(f"kernel_list{end}", KERNEL_NAMES), options.get(f"kernel_prob{end}", published)
    if len(names) != len(shares) or not set(names) <= set(KERNEL_NAMES):
        raise RecipeError(
            f"`kernel_list{end}`: got {list(names)} with probabilities {list(shares)}; wanted some of "
            f"{', '.join(KERNEL_NAMES)}, and a probability for each"
        )
    given = dict(zip(names, shares, strict=True))
    return tuple(given.get(name, 0.0) for name in KERNEL_NAMES)


def _sides(limits: Sequence[int] | None, published: tuple[int, ...]) -> tuple[int, ...]:
    return published if limits is None else tuple(range(limits[0], limits[1] + 1, 2))
