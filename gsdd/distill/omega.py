"""Drawing omega: one strategy and its parameters for a class and step, shared by real and synthetic images."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from gsdd.errors import RecipeError
from gsdd.kernels.augmentation import STRATEGIES, Augmentation, Column, op_bits
from gsdd.recipe import Augmentation as AugmentationRecipe
from gsdd.recipe import Mode


@dataclass(frozen=True)
class DsaRatios:
    """Strengths of DSA's strategies; the defaults are those of the public DSA code.

    Attributes:
        flip: probability that a picked flip flips.
        scale: largest zoom; factors are uniform in [1/scale, scale), each axis its own.
        rotate: largest angle in degrees.
        crop: largest shift as a fraction of the side.
        cutout: side of the hole as a fraction of the side.
        brightness: width of the range of the added level, in normalised units.
        saturation: largest factor; 1 keeps.
        contrast: factors are uniform in [contrast, contrast + 1).
    """

    flip: float = 0.5
    scale: float = 1.2
    rotate: float = 15.0
    crop: float = 0.125
    cutout: float = 0.5
    brightness: float = 1.0
    saturation: float = 2.0
    contrast: float = 0.5


@dataclass(frozen=True)
class Dsa:
    """Which strategies of DSA compete, and how one is picked.

    Attributes:
        strategies: some of `STRATEGIES`; empty leaves images as they are.
        mode: `single` picks one strategy a draw, `multiple` applies all of them.
        ratios: strengths.
    """

    strategies: tuple[str, ...]
    mode: Mode = "single"
    ratios: DsaRatios = DsaRatios()

    @classmethod
    def from_recipe(cls, recipe: AugmentationRecipe) -> "Dsa":
        """Read the strategies of a recipe.

        Args:
            recipe: strategies, such as "color_crop_flip", and mode.

        Returns:
            The distribution of omega.

        Raises:
            RecipeError: an unknown, repeated or misplaced strategy.
        """
        names = tuple(recipe.strategies.split("_")) if recipe.strategies else ()
        if [name for name in STRATEGIES if name in names] != list(names):
            raise RecipeError(
                f"`Augmentation.strategies`: got {recipe.strategies!r}, wanted some of {', '.join(STRATEGIES)}, in "
                "this order, joined by _"
            )
        return cls(names, recipe.mode)

    def draw(self, stream: np.random.Generator, height: int, width: int) -> Augmentation:
        """Draw omega for images of one size.

        Args:
            stream: where the numbers come from.
            height: rows of an image, in pixels.
            width: columns of an image, in pixels.

        Returns:
            One row: strategy and parameters.

        Source: Zhao and Bilen, ICML 2021, and its public code.
        """
        picked = self.strategies
        if self.mode == "single" and picked:
            picked = (picked[int(stream.integers(len(picked)))],)
        bits, values = 0, np.zeros((1, len(Column)))
        for strategy in picked:
            parameters = _DRAW[strategy](stream, self.ratios, height, width)
            if parameters is not None:
                bits |= op_bits(STRATEGIES[strategy])
                for column, value in parameters.items():
                    values[0, column] = value
        return Augmentation(torch.tensor([bits]), torch.from_numpy(values.astype(np.float32)))


Parameters = dict[Column, float]


def _draw_color(stream: np.random.Generator, ratios: DsaRatios, height: int, width: int) -> Parameters:
    return {
        Column.BRIGHTNESS: (stream.random() - 0.5) * ratios.brightness,
        Column.SATURATION: stream.random() * ratios.saturation,
        Column.CONTRAST: stream.random() + ratios.contrast,
    }


def _draw_crop(stream: np.random.Generator, ratios: DsaRatios, height: int, width: int) -> Parameters:
    rows, columns = int(height * ratios.crop + 0.5), int(width * ratios.crop + 0.5)
    return {
        Column.SHIFT_ROWS: float(stream.integers(-rows, rows + 1)),
        Column.SHIFT_COLUMNS: float(stream.integers(-columns, columns + 1)),
    }


def _hole(stream: np.random.Generator, ratio: float, length: int) -> tuple[float, float]:
    """Draw one side of the hole; an even hole's centre may lie one past the last pixel, as in the public code."""
    size = int(length * ratio + 0.5)
    first = int(stream.integers(0, length + 1 - size % 2)) - size // 2
    return float(max(first, 0)), float(min(first + size, length))


def _draw_cutout(stream: np.random.Generator, ratios: DsaRatios, height: int, width: int) -> Parameters:
    top, bottom = _hole(stream, ratios.cutout, height)
    left, right = _hole(stream, ratios.cutout, width)
    return {Column.CUT_TOP: top, Column.CUT_BOTTOM: bottom, Column.CUT_LEFT: left, Column.CUT_RIGHT: right}


def _draw_flip(stream: np.random.Generator, ratios: DsaRatios, height: int, width: int) -> Parameters | None:
    return {} if stream.random() < ratios.flip else None


def _draw_scale(stream: np.random.Generator, ratios: DsaRatios, height: int, width: int) -> Parameters:
    least = 1 / ratios.scale
    return {column: stream.random() * (ratios.scale - least) + least for column in (Column.SCALE_X, Column.SCALE_Y)}


def _draw_rotate(stream: np.random.Generator, ratios: DsaRatios, height: int, width: int) -> Parameters:
    return {Column.ANGLE: math.radians((stream.random() - 0.5) * 2 * ratios.rotate)}


_DRAW = {
    "color": _draw_color,
    "crop": _draw_crop,
    "cutout": _draw_cutout,
    "flip": _draw_flip,
    "scale": _draw_scale,
    "rotate": _draw_rotate,
}
