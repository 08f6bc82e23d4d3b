"""Cells that make a file to train from: a distillation, and the choice of a coreset."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from gsdd.distilled.latent_set import read_latents
from gsdd.recipe import Recipe, to_record
from gsdd.run.compress import compress
from gsdd.run.execution import Execution
from gsdd.run.journal import remove_outlived
from gsdd.selection.coreset import coreset
from gsdd.selection.method import Method
from gsdd.students.models import weights_of
from gsdd.study.cells import Cell, Result, Workshop
from gsdd.study.photos import Photos


@dataclass(frozen=True)
class DistillationCell:
    """A run of `gsdd.compress`; with 0 iterations of matching it stops at the inverted latents.

    Attributes:
        photos: the source.
        recipe: of the run, latents a class and generator among it.
        kind: what the latents are, for file names.
    """

    photos: Photos
    recipe: Recipe
    kind: str = "distilled"
    needs: tuple[Cell, ...] = ()

    SUFFIX: ClassVar[str] = ".gsdd"

    @property
    def name(self) -> str:
        """What it is, in letters that file names may have."""
        recipe = self.recipe
        family = f"-{recipe.features.family}" if recipe.matching.iterations else ""
        size = f"-{recipe.storage.target}" if recipe.storage.target else ""
        generator = f"{Path(recipe.generator).stem}-ipc{recipe.crops.ipc}"
        return f"{self.kind}{family}-{generator}{size}-draw{recipe.seed}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its result."""
        return {
            "makes": "latents",
            "generator": weights_of(self.recipe.generator),
            "recipe": to_record(self.recipe),
            "ipc": self.recipe.crops.ipc,
            "train": self.photos.sha256,
        }

    def run(self, workshop: Workshop) -> Result:
        """Make the file; an interrupted run goes on from its own checkpoint."""
        path = workshop.made_file(self, self.SUFFIX)
        began = time.monotonic()
        made = not path.exists()
        if made:
            compress(
                self.photos.folder, path, recipe=self.recipe, device=workshop.device, monitor=workshop.monitor,
                execution=Execution(checkpoint_seconds=workshop.checkpoint_seconds),
            )  # fmt: skip
        remove_outlived(path)
        # Of a run that was killed after its last byte nobody knows how long it took.
        seconds = time.monotonic() - began if made else None
        distilled = read_latents(path)
        run = dict(distilled.manifest.run)
        return {"bytes": path.stat().st_size, "latents": len(distilled), "run": run, "seconds": seconds}


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
            hr_size=self.hr_size, seed=self.seed, classes="folders", force=True, monitor=workshop.monitor,
        )  # fmt: skip
        return {"crops": report.crops, "candidates": dict(report.candidates), "seconds": time.monotonic() - began}
