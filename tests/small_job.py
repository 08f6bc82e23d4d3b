"""A small real job: two classes of real crops, the compact generator, 32x32 HR."""

import functools
from pathlib import Path

import torch

from gsdd.data.catalog import scan
from gsdd.data.crops import grid_crops, read_crops
from gsdd.distill.bank import DistillationSource
from gsdd.distill.recipe import Recipe
from gsdd.generators.generator import Generator
from gsdd.generators.load import load_generator

SIDE = 32
RECIPE = Recipe(hr_size=SIDE, real_batch=6, inversion_steps=5, iterations=3, feature_filters=32, calibration=4)


@functools.cache
def generator() -> Generator:
    return load_generator("realesr-animevideov3")


@functools.cache
def crops(photos: Path) -> torch.Tensor:
    """24 real crops, uint8 `[24, 3, 32, 32]`."""
    catalog = scan(photos, min_size=SIDE)
    return torch.from_numpy(read_crops(catalog, grid_crops(catalog, 0, SIDE, limit=24), SIDE))


def source(photos: Path) -> DistillationSource:
    """Three latents of one class, two of another."""
    images = crops(photos)
    return DistillationSource(("one", "two"), (3, 2), images[:5], (images[:12], images[12:]))
