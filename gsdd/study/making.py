"""Cells that make a file to train from: a distillation, and the choice of a coreset."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from gsdd.baselines.coreset import coreset
from gsdd.baselines.method import Method
from gsdd.distill.journal import remove_outlived
from gsdd.distill.recipe import Recipe
from gsdd.pairs.distilled import open as open_distilled
from gsdd.study.cells import Cell, Result, Workshop
from gsdd.study.models import weights_of
from gsdd.study.photos import Photos

# What the inverted latents are, as options of a run.
NOT_DISTILLED: Mapping[str, Any] = {"iterations": 0}


@dataclass(frozen=True)
class DistillationCell:
    """A run of `gsdd.compress`; with 0 iterations it stops at the inverted latents.

    Attributes:
        photos: the source.
        hr_size: side of an HR crop in pixels.
        ipc: latents a class.
        seed: of the run.
        generator: name or path.
        preset: of the recipe.
        options: fields of the recipe that are otherwise than in the preset.
        kind: what the latents are, for file names.
    """

    photos: Photos
    hr_size: int
    ipc: int
    seed: int
    generator: str
    preset: str = "quick"
    options: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "distilled"
    needs: tuple[Cell, ...] = ()

    SUFFIX: ClassVar[str] = ".gsdd"

    @property
    def name(self) -> str:
        """What it is, in letters that file names may have."""
        family = f"-{self.recipe.features}" if self.recipe.iterations else ""
        size = f"-{self.recipe.target_size}" if self.recipe.target_size else ""
        return f"{self.kind}{family}-{Path(self.generator).stem}-ipc{self.ipc}{size}-draw{self.seed}"

    @property
    def recipe(self) -> Recipe:
        """The whole recipe of the run."""
        given = {**self.options, "hr_size": self.hr_size, "seed": self.seed}
        return Recipe.from_options(self.preset, given)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its result."""
        return {
            "makes": "latents",
            "generator": weights_of(self.generator),
            "recipe": self.recipe.to_dict(),
            "ipc": self.ipc,
            "train": self.photos.sha256,
        }

    def run(self, workshop: Workshop) -> Result:
        """Make the file; an interrupted run goes on from its own checkpoint."""
        path = workshop.made_file(self, self.SUFFIX)
        began = time.monotonic()
        made = not path.exists()
        if made:
            self._compress(path, workshop)
        remove_outlived(path)
        # Of a run that was killed after its last byte nobody knows how long it took.
        seconds = time.monotonic() - began if made else None
        distilled = open_distilled(path)
        run = dict(distilled.manifest.run)
        return {"bytes": path.stat().st_size, "latents": len(distilled), "run": run, "seconds": seconds}

    def _compress(self, path: Path, workshop: Workshop) -> None:
        workshop.compress(
            self.photos.folder, path, preset=self.preset, generator=self.generator, ipc=self.ipc,
            hr_size=self.hr_size, seed=self.seed, device=workshop.device, stop=workshop.stop,
            checkpoint_seconds=workshop.checkpoint_seconds, progress=workshop.progress, **self.options,
        )  # fmt: skip


@dataclass(frozen=True)
class CoresetCell:
    """The choice of a coreset, as a list of crops.

    Attributes:
        photos: the source.
        hr_size: side of a crop in pixels.
        ipc: crops a class.
        seed: of the draws.
        method: how they are chosen.
    """

    photos: Photos
    hr_size: int
    ipc: int
    seed: int
    method: Method
    needs: tuple[Cell, ...] = ()

    SUFFIX: ClassVar[str] = ".csv"

    @property
    def name(self) -> str:
        """What it is, in letters that file names may have."""
        return f"{self.method}-ipc{self.ipc}-draw{self.seed}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its result."""
        return {
            "makes": "coreset",
            "method": self.method,
            "hr_size": self.hr_size,
            "ipc": self.ipc,
            "seed": self.seed,
            "train": self.photos.sha256,
        }

    def run(self, workshop: Workshop) -> Result:
        """Choose the crops."""
        began = time.monotonic()
        report = coreset(
            self.photos.folder, workshop.made_file(self, self.SUFFIX), ipc=self.ipc, method=self.method,
            hr_size=self.hr_size, seed=self.seed, force=True, progress=workshop.progress,
        )  # fmt: skip
        return {"crops": report.crops, "candidates": dict(report.candidates), "seconds": time.monotonic() - began}
