"""The methods under their names: which of a class's crops a coreset takes."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gsdd.errors import RecipeError
from gsdd.features.extractor import FeatureExtractor, FeatureSpec, feature_drawer
from gsdd.kernels.upload import uploaded
from gsdd.parallel.chunks import chunk_indices, crops_of
from gsdd.parallel.device import place_of_float64
from gsdd.randomness import hashed, numpy_stream
from gsdd.selection import kmeans
from gsdd.selection.facility_location import facility_location
from gsdd.selection.herding import herding
from gsdd.selection.measures import bicubic_errors, head_gradients
from gsdd.selection.method import METHODS, Method
from gsdd.selection.pruning import hardest

# Share of a class's crops, the hardest, that `loss` passes over: Moser et al., arXiv 2403.17083.
LEAVE_OUT = 0.05


@dataclass(frozen=True)
class Selector:
    """A method and what it needs.

    Attributes:
        method: one of `METHODS`.
        seed: of the draws of random, of theta, and of the starts of k-means.
        leave_out: of loss, in [0, 1]; see `hardest`.
        features: psi of herding and k-means.
        device: where crops are looked at.
    """

    method: Method
    seed: int = 0
    leave_out: float = LEAVE_OUT
    features: FeatureSpec = field(default_factory=FeatureSpec)
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse what selects nothing, before any photo is read."""
        if self.method not in METHODS:
            raise RecipeError(f"`method`: got {self.method!r}, wanted one of {METHODS}")
        if not (math.isfinite(self.leave_out) and 0 <= self.leave_out <= 1):
            raise RecipeError(f"`leave_out`: got {self.leave_out}, wanted a share from 0 to 1")

    @property
    def needs_features(self) -> bool:
        """Tell whether the method looks at features of psi."""
        return self.method in ("herding", "kmeans")

    def draw_psi(self, calibration: Tensor) -> FeatureExtractor:
        """Draw the one psi that all classes are seen with.

        Args:
            calibration: real crops, uint8 `[M, 3, H, W]`, that set the norms of resnet18.
        """
        return feature_drawer(self.features, calibration.to(self.device))(self.seed, "theta of a coreset", 0)

    def measured(self, crops: Tensor, psi: FeatureExtractor | None) -> Iterator[Tensor]:
        """Compute what the method looks at.

        Args:
            crops: of one class, uint8 RGB `[N, 3, H, W]`, N at least 1.
            psi: for the methods that need features.

        Yields:
            A row a crop, float64 `[n, D]` for the next few, on the device or, of one without float64, on the CPU; for
            random without columns.
        """
        look, device = self._look(psi), torch.device(self.device)
        # Always as many crops at once, so that a crop's row does not depend on how many there are.
        for index, real in chunk_indices(torch.arange(len(crops)), crops_of(device)):
            with torch.no_grad():
                rows = look(uploaded(crops[index], device))[:real]
            yield rows.to(place_of_float64(device)).double()

    def _look(self, psi: FeatureExtractor | None) -> Callable[[Tensor], Tensor]:
        match self.method:
            case "gradient":
                return head_gradients
            case "loss":
                return bicubic_errors
            case "random":
                return _nothing
        if psi is None:
            raise RecipeError(f"method {self.method} looks at features of psi: got none, wanted one from draw_psi")
        return psi

    def choose(self, rows: Tensor, count: int, class_name: str = "") -> list[int]:
        """Choose crops of one class by what was measured.

        Args:
            rows: all that `measured` gave, float64 `[N, D]`.
            count: how many, 1 to N.
            class_name: draws depend on it, so that a class's crops do not depend on the other classes.

        Returns:
            Numbers of the crops in the order chosen, each once.

        Raises:
            RecipeError: there are not so many crops.
        """
        if not 1 <= count <= len(rows):
            where = f"class {class_name}: " if class_name else ""
            raise RecipeError(f"{where}{count} crops wanted of {len(rows)}; wanted 1 to as many as there are")
        match self.method:
            case "random":
                order = numpy_stream(self.seed, f"coreset of {class_name}").permutation(len(rows))
                return list(map(int, order[:count]))
            case "herding":
                return herding(rows, count)
            case "kmeans":
                return kmeans.nearest_to_centres(rows, count, hashed(self.seed, f"k-means of {class_name}") >> 32)
            case "gradient":
                return facility_location(rows, count)
            case "loss":
                return hardest(rows, count, self.leave_out)


def _nothing(crops: Tensor) -> Tensor:
    return torch.empty(len(crops), 0)
