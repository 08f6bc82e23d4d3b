"""The distribution of (theta, omega) of Eq. 7, and reproducible draws from it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gsdd.distill.embedding import Embedding
from gsdd.distill.omega import Dsa
from gsdd.distill.run import Run
from gsdd.features.extractor import FeatureExtractor, FeatureSpec, feature_drawer
from gsdd.kernels.augmentation import Augmentation
from gsdd.kernels.backend import Backend
from gsdd.parallel.workers import ALONE, Workers
from gsdd.randomness import numpy_stream
from gsdd.recipe import Recipe


@dataclass(frozen=True)
class Spaces:
    """Draws embeddings.

    Attributes:
        draw_psi: (seed, purpose, number) -> psi_theta.
        dsa: the distribution of omega.
        seed: the run's seed.
        size: height and width of the images, in pixels.
        device: where embeddings compute.
        backend: of their ops.
        workers: the processes that embed together.
    """

    draw_psi: Callable[[int, str, int], FeatureExtractor]
    dsa: Dsa
    seed: int
    size: tuple[int, int]
    device: torch.device
    backend: Backend = "auto"
    workers: Workers = ALONE

    @classmethod
    def of(cls, run: Run, real: tuple[Tensor, ...]) -> "Spaces":
        """Prepare the distribution that a run's recipe asks for.

        Args:
            run: features, DSA and seed of its recipe; device, backend and processes.
            real: real crops a class, uint8 `[M_c, 3, H, W]`; some of them calibrate norms.

        Returns:
            The distribution of (theta, omega).

        Raises:
            RecipeError: unreadable weights.
        """
        recipe, device = run.recipe, run.generator.device
        draw_psi = feature_drawer(feature_spec(recipe), calibration_crops(real, recipe).to(device), run.backend)
        size = (recipe.crops.hr_size, recipe.crops.hr_size)
        dsa = Dsa.from_recipe(recipe.augmentation)
        return cls(draw_psi, dsa, recipe.seed, size, device, run.backend, run.workers)

    def fixed_psi(self) -> FeatureExtractor:
        """Return the one psi of D_f (Eq. 4)."""
        return self.draw_psi(self.seed, "theta of the inversion", 0)

    def embedding(self, purpose: str, number: int, class_names: tuple[str, ...]) -> Embedding:
        """Draw theta, and one omega a class.

        Args:
            purpose: what the draw is for; "training" and "held-out" never share numbers.
            number: step, or draw number.
            class_names: classes; omega depends on the name alone, so a class draws the same beside any others.

        Returns:
            psi_theta(A(., omega_c)).
        """
        psi = self.draw_psi(self.seed, f"{purpose} theta", number)
        return Embedding(psi, self.omega(purpose, number, class_names), self.device, self.backend, self.workers)

    def omega(self, purpose: str, number: int, class_names: tuple[str, ...]) -> Augmentation:
        """Draw omega alone, a row a class; arguments as for `embedding`."""
        rows = [
            self.dsa.draw(numpy_stream(self.seed, f"{purpose} omega of {name}", number), *self.size)
            for name in class_names
        ]
        return Augmentation(torch.cat([row.ops for row in rows]), torch.cat([row.values for row in rows]))


def feature_spec(recipe: Recipe) -> FeatureSpec:
    """Read which psi a recipe asks for.

    Raises:
        RecipeError: unknown layers, or weights that are not there.
    """
    # Family student has these features beside the student.
    family = "local-fourier" if recipe.features.family == "student" else recipe.features.family
    return FeatureSpec(
        family=family,
        filters=recipe.features.filters,
        layers=tuple(recipe.features.layers.split(",")),
        weights=Path(recipe.features.weights) if recipe.features.weights else None,
    )


def calibration_crops(real: tuple[Tensor, ...], recipe: Recipe) -> Tensor:
    """Choose the real crops that set the statistics of psi's norms.

    Args:
        real: uint8 `[M_c, 3, H, W]` a class.
        recipe: how many, and the seed.

    Returns:
        uint8 `[calibration, 3, H, W]`.
    """
    pool = torch.cat(real)
    stream = numpy_stream(recipe.seed, "calibration crops")
    return pool[torch.from_numpy(stream.permutation(len(pool))[: recipe.features.calibration])]
