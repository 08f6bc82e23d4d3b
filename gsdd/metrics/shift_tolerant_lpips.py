"""Shift-tolerant LPIPS, for machines without the trunk of LPIPS: another metric, with other numbers.

Its weights are a file of the wheel `stlpips-pytorch`, which is read as data. The package is never imported: it needs
packages that nothing else does, and parts of its code are for non-commercial use only. The network is written here.
"""

import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gsdd.data.installed import installed_file
from gsdd.errors import MetricError, MissingExtraError
from gsdd.metrics.conventions import compared
from gsdd.metrics.lpips import CONVENTION, Net
from gsdd.metrics.measure import CPU, Measure, read_weights
from gsdd.metrics.trunk import Trunk, vgg_layers

DISTRIBUTION = "stlpips-pytorch"
PACKAGE = "stlpips_pytorch"
FILE = "weights/vST0.0/{net}_shift_tolerant.pth"
# Below this a reflected border would be wider than the feature map that it is reflected from.
SMALLEST: Mapping[Net, int] = {"alex": 21, "vgg": 18}
TINY = 1e-10
# Blocks of VGG-16, between which its pooling is anti-aliased; the last layer of each is compared.
VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def load_st_lpips(net: Net, device: torch.device = CPU) -> Measure:
    """Build shift-tolerant LPIPS.

    Args:
        net: the form of its trunk, "alex" or "vgg".
        device: where the images will be.

    Returns:
        The metric: RGB, whole images in [-1, 1], 0 for equal ones.

    Raises:
        MissingExtraError: the wheel with the weights is not installed.
        MetricError: its file is damaged, or holds another network.

    Source:
        Ghildyal, Liu, "Shift-tolerant Perceptual Similarity Metric", ECCV 2022. Anti-aliased down-sampling: Zhang,
        "Making Convolutional Networks Shift-Invariant Again", ICML 2019.
    """
    network = load_network(net).to(device)

    def distance(images: Tensor, references: Tensor) -> Tensor:
        ours, theirs = compared(images, references, CONVENTION, "st-lpips", SMALLEST[net])
        return network.distance(ours.float(), theirs.float())

    which = f"gsdd, net {net}, weights of {DISTRIBUTION} {importlib.metadata.version(DISTRIBUTION)}"
    return Measure(distance, which)


class BlurPool(nn.Module):
    """Down-sample by 2 after a 3x3 binomial filter, with two reflected pixels around the image.

    Args:
        channels: of the image; each has the filter by itself.
    """

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", torch.empty(channels, 1, 3, 3))

    def forward(self, values: Tensor) -> Tensor:
        """Map `[N, C, H, W]` to `[N, C, H // 2 + 1, W // 2 + 1]`."""
        padded = F.pad(values, (2, 2, 2, 2), mode="reflect")
        return F.conv2d(padded, self.filt, stride=2, groups=len(self.filt))


@dataclass(frozen=True)
class Network:
    """The trunk, its input in [-1, 1], and a weight for each channel of the layers that are compared."""

    trunk: Trunk
    heads: tuple[Tensor, ...]

    @torch.no_grad()
    def distance(self, images: Tensor, references: Tensor) -> Tensor:
        """Compare float32 `[N, 3, H, W]` in [-1, 1]; float64 `[N]`."""
        pairs = zip(self._directions(images), self._directions(references), self.heads, strict=True)
        layers = [F.conv2d((one - other).square(), head).mean(dim=(1, 2, 3)) for one, other, head in pairs]
        return torch.stack(layers).sum(dim=0).double()

    def to(self, device: torch.device) -> "Network":
        """Give the same on a device."""
        return Network(self.trunk.to(device), tuple(head.to(device) for head in self.heads))

    def _directions(self, images: Tensor) -> Iterator[Tensor]:
        for values in self.trunk.features(images):
            yield values / (values.square().sum(dim=1, keepdim=True).sqrt() + TINY)


def load_network(net: Net) -> Network:
    """Read the network of shift-tolerant LPIPS from its wheel; raises as `load_st_lpips` does."""
    path = weights_file(net)
    weights = read_weights(path)
    with torch.device("meta"):  # the file's tensors take the places; nothing is drawn
        layers, taps = _alex() if net == "alex" else vgg_layers(VGG16, lambda c: [nn.MaxPool2d(2, 1), BlurPool(c)])
    trunk = nn.Sequential(*layers).eval().requires_grad_(False)
    # "net.slice3.9.weight" is layer 9: the numbers run through all slices.
    numbered = {name.split(".", 2)[2]: value for name, value in weights.items() if name.startswith("net.")}
    try:
        trunk.load_state_dict(numbered, assign=True)
        trunk.to(memory_format=torch.channels_last)  # in which pooling takes a tenth of the time on a CPU
        heads = tuple(weights[f"lin{number}.model.1.weight"] for number in range(len(taps)))
        scaled = Trunk(trunk, taps, weights["scaling_layer.shift"], weights["scaling_layer.scale"])
        return Network(scaled, heads)
    except (KeyError, RuntimeError) as error:
        raise MetricError(
            f"{path}: not the weights of shift-tolerant LPIPS, net {net} ({str(error).splitlines()[-1].strip()}); "
            f"install {DISTRIBUTION} again"
        ) from error


def _alex() -> tuple[list[nn.Module], tuple[int, ...]]:
    """AlexNet with its first stride and its pooling anti-aliased, and the layers that are compared."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 11, padding=2), BlurPool(64), nn.ReLU()]
    layers += [nn.MaxPool2d(3, 1), BlurPool(64), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU()]
    layers += [nn.MaxPool2d(3, 1), BlurPool(192), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()]
    layers += [nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()]
    layers += [nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()]
    return layers, (2, 6, 10, 12, 14)


def weights_file(net: Net) -> Path:
    """Find the weights in the wheel; MissingExtraError says how to get it."""
    file = installed_file(PACKAGE, FILE.format(net=net))
    if file is None:
        raise MissingExtraError(
            f"the weights of shift-tolerant LPIPS are in the wheel {DISTRIBUTION}, which is not installed; "
            f"pip install {DISTRIBUTION}"
        )
    return file
