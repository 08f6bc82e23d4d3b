"""A name or a path -> a function from LR to HR that can be scored."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gsdd.data.degradation import SCALE, check_scale
from gsdd.errors import GeneratorNotFoundError, RecipeError
from gsdd.formats.digest import file_digest
from gsdd.formats.text import shown
from gsdd.generators.generator import Generator
from gsdd.generators.load import load_file, load_generator
from gsdd.generators.named import NAMED
from gsdd.networks.categories import category_condition
from gsdd.networks.sftgan import SFTGAN
from gsdd.selection.measures import bicubic
from gsdd.students.checkpoint import facts_of

BICUBIC = "bicubic"


@dataclass(frozen=True)
class Model:
    """Something that makes HR of LR.

    Attributes:
        name: what it is called in tables.
        about: architecture and size, in a few words.
        network: maps float32 `[1, 3, h, w]` in [0, 1] to `[1, 3, s h, s w]`, s the scale.
        device: where the network computes.
        multiple_of: the sides of what the network is given must be multiples of this.
        minimum: and at least this, in pixels.
        condition: what the network takes beside an image; None for nothing, or for SFTGAN's background.
        scale: HR side / LR side.
    """

    name: str
    about: str
    network: nn.Module
    device: torch.device
    multiple_of: int = 1
    minimum: int = 1
    condition: Tensor | None = None
    scale: int = SCALE

    @torch.no_grad()
    def __call__(self, small: Tensor) -> Tensor:
        """Make HR `[1, 3, s h, s w]` of LR `[1, 3, h, w]`; LR is continued at the right and the bottom if need be."""
        height, width = small.shape[2:]
        padding = (0, self._missing(width), 0, self._missing(height))
        given = () if self.condition is None else (self.condition.to(self.device),)
        image: Tensor = self.network(F.pad(small, padding, mode="replicate").to(self.device), *given)
        return image[..., : height * self.scale, : width * self.scale].cpu()

    def of_class(self, name: str) -> "Model":
        """Give the model for images of a class: SFTGAN takes the category of that name, other networks look at none."""
        return replace(self, condition=category_condition([name])) if isinstance(self.network, SFTGAN) else self

    def _missing(self, side: int) -> int:
        return max(side, self.minimum) + -max(side, self.minimum) % self.multiple_of - side


class Bicubic(nn.Module):
    """Bicubic interpolation with a = -0.5, as MATLAB's imresize: what every model has to beat."""

    def __init__(self, scale: int = SCALE) -> None:
        """Build what has no weights."""
        super().__init__()
        self.scale = scale

    def forward(self, small: Tensor) -> Tensor:
        """Enlarge `[N, 3, h, w]`."""
        return bicubic(small, self.scale)


def find_model(text: str, *, device: str = "cpu", scale: int | None = None) -> Model:
    """Find a model by what a user calls it.

    Args:
        text: "bicubic", the name of a generator, or a file: a student's checkpoint, or any SR network that spandrel
            reads.
        device: where it computes.
        scale: HR side / LR side that it must have; None takes what it has, and 4 of bicubic.

    Returns:
        The model.

    Raises:
        GeneratorNotFoundError: there is no such file or name, or the named weights are not on this machine.
        GeneratorError: the file is damaged, holds code, or is of no SR network.
        RecipeError: there is no such device, or the model is of another scale.
    """
    if text == BICUBIC:
        scale = check_scale(scale or SCALE)
        return Model(BICUBIC, "interpolation, a = -0.5", Bicubic(scale), torch.device("cpu"), scale=scale)
    model = _with_weights(text, device)
    if scale not in (None, model.scale):
        raise RecipeError(f"`scale`: got {scale}, but {model.name} enlarges {model.scale} times; wanted {model.scale}")
    return model


def _with_weights(text: str, device: str) -> Model:
    if text in NAMED:
        return _of_generator(load_generator(text, device=device))
    path = Path(text).expanduser()
    if not path.is_file():
        raise GeneratorNotFoundError(
            f"{text}: no such file, and no model of that name; wanted a checkpoint that gsdd train wrote or other "
            f"weights, a name that gsdd generators lists, or {BICUBIC}"
        )
    return _of_generator(load_file(path).to(device), facts_of(path))


def weights_of(text: str) -> str:
    """Tell models apart by what decides their images.

    Args:
        text: as `find_model` takes it.

    Returns:
        A name as it is, for its weights are pinned; of a file the sha256.

    Raises:
        GeneratorNotFoundError: there is no such file.
    """
    if text == BICUBIC or text in NAMED:
        return text
    path = Path(text).expanduser()
    if not path.is_file():
        raise GeneratorNotFoundError(f"{text}: no such file of weights, and no name that gsdd generators lists")
    facts = path.stat()
    return _digest(path, facts.st_mtime_ns, facts.st_size)


@cache
def _digest(path: Path, changed: int, size: int) -> str:
    """Hash a file once, until it is another one."""
    return file_digest(path)


def _of_generator(generator: Generator, student: Mapping[str, Any] | None = None) -> Model:
    reference = generator.reference
    kind = f"student {student['student']}, {shown(reference.architecture)}" if student else reference.architecture
    about = f"{kind}, {reference.parameters:,} parameters, weights {reference.fingerprint[:12]}"
    return Model(
        reference.name,
        about,
        generator.network,
        generator.device,
        generator.multiple_of,
        generator.minimum,
        scale=generator.scale,
    )
