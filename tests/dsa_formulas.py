"""DSA written pixel by pixel from the formulas of Zhao and Bilen's strategies, and omega for tests."""

import math
from collections.abc import Iterable

import numpy as np
import torch

from gsdd.kernels.augmentation import OPS, Augmentation, Column, op_bits

C = Column


def omega(*rows: dict) -> Augmentation:
    """Each row: {"ops": names, Column: value, ...}."""
    values = torch.zeros(len(rows), len(Column))
    for number, row in enumerate(rows):
        for column, value in row.items():
            if isinstance(column, Column):
                values[number, column] = value
    return Augmentation(torch.tensor([op_bits(row["ops"]) for row in rows], dtype=torch.int64), values)


def random_row(rng: np.random.Generator, ops: tuple[str, ...], height: int, width: int) -> dict:
    """Draw parameters for all ops, in the ranges of the public code and a little beyond."""
    top, bottom = sorted(rng.integers(0, height + 1, 2))
    left, right = sorted(rng.integers(0, width + 1, 2))
    return {
        "ops": ops,
        C.BRIGHTNESS: rng.uniform(-0.5, 0.5), C.SATURATION: rng.uniform(0, 2), C.CONTRAST: rng.uniform(0.5, 1.5),
        C.SHIFT_ROWS: rng.integers(-height // 4, height // 4 + 1),
        C.SHIFT_COLUMNS: rng.integers(-width // 4, width // 4 + 1),
        C.CUT_TOP: top, C.CUT_BOTTOM: bottom, C.CUT_LEFT: left, C.CUT_RIGHT: right,
        C.SCALE_X: rng.uniform(0.8, 1.25), C.SCALE_Y: rng.uniform(0.8, 1.25),
        C.ANGLE: math.radians(rng.uniform(-20, 20)),
    }  # fmt: skip


def random_omega(seed: int, sets: Iterable[tuple[str, ...]], height: int, width: int) -> Augmentation:
    """Draw a row for each set of ops."""
    rng = np.random.default_rng(seed)
    return omega(*[random_row(rng, ops, height, width) for ops in sets])


def photos(seed: int, count: int, height: int, width: int) -> torch.Tensor:
    """Draw normalised images."""
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def augmented(image: np.ndarray, row: dict) -> np.ndarray:
    """Apply one row to one image `[C, H, W]` in the image's precision; the geometric ops as one map."""
    value = {column: np.float32(row.get(column, 0)).astype(image.dtype) for column in Column}
    if "brightness" in row["ops"]:
        image = image + value[C.BRIGHTNESS]
    if "saturation" in row["ops"]:
        grey = image.sum(axis=0) / image.dtype.type(image.shape[0])
        image = (image - grey) * value[C.SATURATION] + grey
    if "contrast" in row["ops"]:
        level = image.mean(dtype=np.float64).astype(image.dtype)
        image = (image - level) * value[C.CONTRAST] + level
    if "crop" in row["ops"]:
        image = shifted(image, int(value[C.SHIFT_ROWS]), int(value[C.SHIFT_COLUMNS]))
    if "cutout" in row["ops"]:
        image = image.copy()
        top, bottom, left, right = (int(row[edge]) for edge in (C.CUT_TOP, C.CUT_BOTTOM, C.CUT_LEFT, C.CUT_RIGHT))
        image[:, top:bottom, left:right] = 0
    return mapped(image, row["ops"], value)


def shifted(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Pixel (i, j) is the image's (i + down, j + right), zero outside."""
    out = np.zeros_like(image)
    for i, j in np.ndindex(image.shape[1:]):
        if 0 <= i + down < image.shape[1] and 0 <= j + right < image.shape[2]:
            out[:, i, j] = image[:, i + down, j + right]
    return out


def mapped(image: np.ndarray, ops: tuple[str, ...], value: dict) -> np.ndarray:
    """Flip, scale and rotate normalised coordinates: with align_corners=False pixel j is at (2j + 1) / width - 1."""
    if "scale" not in ops and "rotate" not in ops:
        return image[..., ::-1] if "flip" in ops else image
    _, height, width = image.shape
    out = np.zeros_like(image)
    for i, j in np.ndindex(height, width):
        x, y = (2 * j + 1) / width - 1, (2 * i + 1) / height - 1
        if "rotate" in ops:
            cos, sin = math.cos(value[C.ANGLE]), math.sin(value[C.ANGLE])
            x, y = cos * x - sin * y, sin * x + cos * y
        if "scale" in ops:
            x, y = x * float(value[C.SCALE_X]), y * float(value[C.SCALE_Y])
        if "flip" in ops:
            x = -x
        out[:, i, j] = sample(image, ((y + 1) * height - 1) / 2, ((x + 1) * width - 1) / 2)
    return out


def sample(image: np.ndarray, row: float, column: float) -> np.ndarray:
    """Bilinear, zeros outside; coordinates in pixels, pixel centres on integers."""
    top, left = math.floor(row), math.floor(column)
    value = np.zeros(image.shape[0])
    for r, c in [(top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)]:
        if 0 <= r < image.shape[1] and 0 <= c < image.shape[2]:
            value += image[:, r, c] * (1 - abs(row - r)) * (1 - abs(column - c))
    return value


SETS = [*((name,) for name in OPS), OPS, ("saturation", "contrast"), ("crop", "flip"), ("cutout", "rotate"), ()]
