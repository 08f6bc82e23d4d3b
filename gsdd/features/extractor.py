"""What a psi is, and how one is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from torch import Tensor

from gsdd.errors import RecipeError
from gsdd.features.local_fourier import draw_local_fourier
from gsdd.features.resnet18 import draw_resnet18, load_resnet18

Family = Literal["local-fourier", "resnet18"]
FAMILIES: tuple[str, ...] = get_args(Family)


class FeatureExtractor(Protocol):
    """psi: a function of one image, whatever else is in the batch, so that R(x, x) is 0."""

    def __call__(self, images: Tensor) -> Tensor:
        """Map normalised images `[N, 3, H, W]` to features `[N, D]`."""
        ...


@dataclass(frozen=True)
class FeatureSpec:
    """Which psi.

    Attributes:
        family: `local-fourier` (random local Fourier features) or `resnet18`.
        filters: D of local-fourier, at least 1.
        layers: layers of resnet18 whose spatial means are concatenated.
        weights: file with pre-trained weights of resnet18 in torchvision's keys; None re-draws theta.
    """

    family: Family = "local-fourier"
    filters: int = 512
    layers: tuple[str, ...] = ("layer1", "layer2", "layer3", "layer4")
    weights: Path | None = None


def feature_drawer(spec: FeatureSpec, calibration: Tensor) -> Callable[[int, str, int], FeatureExtractor]:
    """Prepare the map (seed, purpose, number) -> psi_theta.

    Args:
        spec: which psi.
        calibration: normalised real crops `[M, 3, H, W]`; norms of resnet18 take their statistics from them, once a
            theta, and are frozen.

    Returns:
        A function of seed, purpose and draw number that gives psi with theta drawn from that stream; with pre-trained
        weights the same psi each time.

    Raises:
        RecipeError: unknown family, or weights for a family that has none.
    """
    if spec.family == "resnet18":
        if spec.weights is not None:
            trained = load_resnet18(spec.weights, spec.layers)
            return lambda seed, purpose, number: trained
        return lambda seed, purpose, number: draw_resnet18(spec.layers, calibration, seed, purpose, number)
    if spec.family == "local-fourier" and spec.weights is None:
        return lambda seed, purpose, number: draw_local_fourier(spec.filters, calibration.device, seed, purpose, number)
    raise RecipeError(
        f"features: got {spec.family!r}" + (" with weights" if spec.weights else "") + f", wanted one of {FAMILIES}; "
        "only resnet18 takes weights"
    )
