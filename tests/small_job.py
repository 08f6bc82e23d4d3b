"""A small real job: two classes of real crops, the compact generator, 32x32 HR."""

import functools
from dataclasses import replace
from pathlib import Path

import torch
from recipes import changed

from gsdd.data.catalog import scan
from gsdd.data.crops import grid_crops, read_crops
from gsdd.distill.bank import DistillationSource
from gsdd.distill.inversion import InversionState, Inverted, invert, starting_latents
from gsdd.distill.matching import Distillation, match
from gsdd.distill.run import KeepsNothing, Run
from gsdd.distill.spaces import Spaces
from gsdd.generators.generator import Generator
from gsdd.generators.load import load_generator
from gsdd.monitor import Monitor
from gsdd.recipe import Recipe

SIDE = 32
RECIPE = changed(
    Recipe(), hr_size=SIDE, real_batch=6, inversion_steps=5, iterations=3, feature_filters=32, calibration=4
)


class Losses(Monitor):
    """Keeps what each step tells."""

    def __init__(self) -> None:
        self.losses: list[float | None] = []
        self.seen: list[tuple[int, int]] = []

    def progress(self, stage: str, done: int, total: int, loss: float | None = None, images: float = 0.0) -> None:
        self.losses.append(loss)
        self.seen.append((done, total))


class KeepsStates(KeepsNothing):
    """A journal that keeps every state."""

    def __init__(self) -> None:
        self.states: list = []

    def keep(self, state) -> None:
        self.states.append(state())


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


def job(recipe: Recipe, **more) -> Run:
    return Run(recipe, generator(), **more)


def spaces(photos: Path, recipe: Recipe) -> Spaces:
    return Spaces.of(job(recipe), source(photos).real)


def psi_of(photos: Path):
    return spaces(photos, RECIPE).fixed_psi()


def not_inverted(latents: torch.Tensor) -> Inverted:
    """Latents as if no step of the inversion had been made."""
    return Inverted(latents, 0, torch.ones(len(latents), dtype=torch.float64), torch.ones(len(latents)).double())


def start(photos: Path, recipe: Recipe = RECIPE) -> torch.Tensor:
    return starting_latents(source(photos).starts, 4, recipe)


def inverted(photos: Path, recipe: Recipe, count: int = 3, resume: InversionState | None = None, **more) -> Inverted:
    """Invert the first crops; `more` are fields of the run."""
    return invert(crops(photos)[:count], psi_of(photos), job(recipe, **more), resume)


def matched(photos: Path, recipe: Recipe, latents=None, resume: Distillation | None = None, **more) -> Distillation:
    """Match the latents of the small job; `more` are fields of the run."""
    begun = not_inverted(start(photos, recipe) if latents is None else latents)
    return match(source(photos), begun, spaces(photos, recipe), job(recipe, **more), resume)


def with_latents(state: Distillation, latents: torch.Tensor) -> Distillation:
    return replace(state, adam=replace(state.adam, latents=latents))
