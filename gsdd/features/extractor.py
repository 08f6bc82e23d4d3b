"""What a psi is, and how one is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, get_args

from torch import Tensor

from gsdd.errors import RecipeError
from gsdd.features.local_fourier import draw_local_fourier
from gsdd.features.resnet18 import LAYERS, draw_resnet18, load_resnet18
from gsdd.kernels.augment.plan import Planned
from gsdd.kernels.augmentation import Augmentation
from gsdd.kernels.backend import Backend
from gsdd.recipe import Family

FAMILIES: tuple[str, ...] = get_args(Family)


class FeatureExtractor(Protocol):
    """psi(A(., omega)): a function of one image, whatever else is in the batch, so that R(x, x) is 0."""

    def __call__(self, images: Tensor, omega: Augmentation | Planned | None = None) -> Tensor:
        """Normalise, augment and embed.

        Args:
            images: RGB, floating in [0, 1] or uint8, `[N, 3, H, W]`; gradient flows to floating ones.
            omega: one row an image; None leaves them as they are.

        Returns:
            Features `[N, D]`.
        """
        ...

    def class_means(self, images: Tensor, counts: tuple[int, ...], omega: Augmentation | Planned) -> Tensor:
        """Embed images and average the features of each class, without a gradient.

        Args:
            images: as above, class after class.
            counts: images of each class.
            omega: one row an image.

        Returns:
            Means `[C, D]`.
        """
        ...

    @property
    def bytes(self) -> int:
        """What theta takes."""
        ...

    def in_bf16(self) -> "FeatureExtractor":
        """Return this psi as it computes in bf16, features in float32; itself where that would not be quicker."""
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
    layers: tuple[str, ...] = ("layer1", "layer2")
    weights: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no psi, before any photo is read."""
        if self.family not in FAMILIES:
            raise RecipeError(f"features: got {self.family!r}, wanted one of {FAMILIES}")
        if not self.layers or [name for name in LAYERS if name in self.layers] != list(self.layers):
            raise RecipeError(f"feature layers: got {self.layers}, wanted some of {LAYERS}, in this order")
        if self.weights is not None and self.family != "resnet18":
            raise RecipeError(f"feature weights {self.weights}: features {self.family!r} have none, only resnet18 does")
        if self.weights is not None and not self.weights.is_file():
            raise RecipeError(f"feature weights {self.weights}: no such file; give torchvision's resnet18")


def feature_drawer(
    spec: FeatureSpec, calibration: Tensor, backend: Backend = "auto"
) -> Callable[[int, str, int], FeatureExtractor]:
    """Prepare the map (seed, purpose, number) -> psi_theta.

    Args:
        spec: which psi.
        calibration: real crops, RGB uint8 `[M, 3, H, W]`; norms of resnet18 take their statistics from them, once a
            theta, and are frozen.
        backend: of the ops.

    Returns:
        A function of seed, purpose and draw number that gives psi with theta drawn from that stream; with pre-trained
        weights the same psi each time.

    Raises:
        RecipeError: the weights are not those of a ResNet18.
    """
    if spec.weights is not None:
        trained = load_resnet18(spec.weights, spec.layers, calibration.device, backend)
        return lambda seed, purpose, number: trained
    if spec.family == "resnet18":
        return lambda seed, purpose, number: draw_resnet18(spec.layers, calibration, seed, purpose, number, backend)
    return lambda seed, purpose, number: draw_local_fourier(
        spec.filters, calibration.device, seed, purpose, number, backend
    )
