"""Frozen networks whose layers are compared, and where torchvision keeps their weights."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from gsdd.errors import MissingWeightsError


@dataclass(frozen=True)
class Trunk:
    """A frozen network, and which of its layers are compared.

    Attributes:
        layers: of the network, in order.
        taps: numbers of the layers whose outputs are compared.
        mean: of its input, `[1, 3, 1, 1]`.
        std: the same.
    """

    layers: nn.Sequential
    taps: tuple[int, ...]
    mean: Tensor
    std: Tensor

    def features(self, images: Tensor) -> Iterator[Tensor]:
        """Give the outputs that are compared, of images float32 `[N, 3, H, W]`."""
        values = (images - self.mean) / self.std
        for number, layer in enumerate(self.layers[: self.taps[-1] + 1]):
            values = layer(values)
            if number in self.taps:
                yield values

    def to(self, device: torch.device) -> "Trunk":
        """Give the same on a device."""
        return replace(self, layers=self.layers.to(device), mean=self.mean.to(device), std=self.std.to(device))


def vgg_layers(
    blocks: Sequence[tuple[int, int]], pool: Callable[[int], list[nn.Module]]
) -> tuple[list[nn.Module], tuple[int, ...]]:
    """List the layers of a VGG, in torchvision's order.

    Args:
        blocks: channels and number of convolutions of each.
        pool: makes what lies between two blocks, of their channels.

    Returns:
        The layers, and the number of the last of each block: an activation, behind its convolution.
    """
    layers: list[nn.Module] = []
    ends, channels = [], 3
    for width, depth in blocks:
        if layers:
            layers += pool(channels)
        for _ in range(depth):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        ends.append(len(layers) - 1)
    return layers, tuple(ends)


def cached_by_torchvision(name: str, user: str, argument: str) -> Path:
    """Find ImageNet weights that torchvision has cached; nothing is downloaded.

    Args:
        name: of the file.
        user: who needs them, for the message.
        argument: by which a caller can give the file.

    Returns:
        The file.

    Raises:
        MissingWeightsError: it is not there.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not path.is_file():
        raise MissingWeightsError(
            f"{user} needs torchvision's ImageNet weights of its trunk, and {path} is not there; put {name} of "
            f"download.pytorch.org/models there, or give it as `{argument}=FILE`"
        )
    return path
