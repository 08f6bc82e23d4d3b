"""A metric that is ready to use, and how its weights are read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gsdd.errors import GeneratorError, GeneratorNotFoundError, MetricError, MissingWeightsError
from gsdd.generators.tensor_files import read_state_dict

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Measure:
    """A metric with its weights in memory.

    Attributes:
        function: images and references, uint8 RGB `[N, 3, H, W]` each, on the device that it was loaded for, -> float64
            `[N]`. A metric without a reference looks at the images alone. Raises KernelInputError for images that are
            too small for it.
        implementation: whose code, and which weights.
    """

    function: Callable[[Tensor, Tensor], Tensor]
    implementation: str

    def __call__(self, images: Tensor, references: Tensor) -> Tensor:
        """Measure images, uint8 RGB `[N, 3, H, W]`, as float64 `[N]`."""
        return self.function(images, references)


def read_weights(path: Path) -> dict[str, Any]:
    """Read the tensors of a metric's network; nothing in the file is run.

    Args:
        path: a .safetensors, .pth, .pt or .ckpt file.

    Returns:
        Tensors by name.

    Raises:
        MissingWeightsError: there is no such file.
        MetricError: the file is damaged, or holds more than tensors.
    """
    try:
        return read_state_dict(path)
    except GeneratorNotFoundError as error:
        raise MissingWeightsError(f"{path}: no such file of weights; give the right one") from error
    except GeneratorError as error:
        raise MetricError(str(error)) from error
