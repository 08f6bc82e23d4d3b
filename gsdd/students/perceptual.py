"""The perceptual term: L1 between features of a network trained on photos, with what is on this machine."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gsdd.errors import MetricError, MissingExtraError, MissingWeightsError, RecipeError
from gsdd.features.normalisation import MEAN, STD
from gsdd.formats.digest import file_digest
from gsdd.metrics.measure import read_weights
from gsdd.metrics.shift_tolerant_lpips import load_network, weights_file
from gsdd.metrics.trunk import Trunk, cached_by_torchvision, vgg_layers

PerceptualTrunk = Literal["auto", "vgg19", "shift-tolerant", "none"]

# The name under which torchvision caches its ImageNet weights.
VGG19_FILE = "vgg19-dcbb9e9d.pth"
VGG19 = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
# xinntao/Real-ESRGAN@0011624, options/train_realesrgan_x4plus.yml: conv1_2, conv2_2, conv3_4, conv4_4, conv5_4.
WEIGHTS = (0.1, 0.1, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Perceptual:
    """A frozen network whose features are compared, and its name with the sha256 of its weights."""

    name: str
    trunk: Trunk

    def loss(self, images: Tensor, references: Tensor) -> Tensor:
        """Compare images with references, RGB `[N, 3, H, W]` in [0, 1]: one number.

        Source: Johnson et al., ECCV 2016; before the activation, with L1 and these weights, as Real-ESRGAN has it.
        """
        with torch.no_grad():
            wanted = list(self.trunk.features(references))
        pairs = zip(WEIGHTS, self.trunk.features(images), wanted, strict=True)
        return torch.stack([weight * F.l1_loss(one, other) for weight, one, other in pairs]).sum()

    def to(self, device: torch.device) -> "Perceptual":
        """Give the same on a device."""
        return Perceptual(self.name, self.trunk.to(device))


@dataclass(frozen=True)
class Found:
    """The trunk that was found, None if there is none, and a line that says so."""

    perceptual: Perceptual | None
    note: str

    def facts(self, pairs_sha256: str) -> dict[str, str]:
        """Name what decides a training beside its recipe: the pairs, and the term that was found."""
        term = self.perceptual.name if self.perceptual else "none"
        return {"data (sha256 of the pairs)": pairs_sha256, "perceptual term": term}


def find_perceptual(trunk: PerceptualTrunk, file: Path | None = None) -> Found:
    """Find the features of the perceptual term. Nothing is downloaded.

    Args:
        trunk: which; "auto" takes VGG19 where its weights are, else the shift-tolerant trunk, else none.
        file: torchvision's weights of VGG19; None looks in torchvision's cache.

    Returns:
        What was found, and what to tell the user.

    Raises:
        RecipeError: a file was given and another trunk than VGG19.
        MissingWeightsError: the weights of the trunk that was asked for are not here.
        MissingExtraError: the same, of the wheel with the shift-tolerant trunk.
        MetricError: a file is damaged, or of another network.
    """
    if file is not None and trunk not in ("auto", "vgg19"):
        raise RecipeError(f"perceptual: got {trunk!r} and {file}, which is a file for vgg19; give one of them")
    if trunk == "none":
        return Found(None, "perceptual term: none, as asked for")
    if trunk == "vgg19" or file is not None:
        return _told(_vgg19(file or _cached()))
    if trunk == "shift-tolerant":
        return _told(_shift_tolerant())
    return _whatever_is_here()


def _whatever_is_here() -> Found:
    try:
        return _told(_vgg19(_cached()))
    except MissingWeightsError as without_vgg19:
        try:
            found = _shift_tolerant()
        except MissingExtraError as without_other:
            return Found(None, f"perceptual term: none ({without_vgg19}; {without_other})")
        return Found(found, f"perceptual term: {found.name}, not Real-ESRGAN's VGG19 ({without_vgg19})")


def _told(found: Perceptual) -> Found:
    return Found(found, f"perceptual term: {found.name}")


def _cached() -> Path:
    return cached_by_torchvision(VGG19_FILE, "the perceptual term", "perceptual_trunk")


def _vgg19(path: Path) -> Perceptual:
    weights = read_weights(path)
    with torch.device("meta"):  # the file's tensors take the places; nothing is drawn
        found, ends = vgg_layers(VGG19, lambda channels: [nn.MaxPool2d(2)])
        layers = nn.Sequential(*found)
    try:
        layers.load_state_dict({name: weights[f"features.{name}"] for name in layers.state_dict()}, assign=True)
    except (KeyError, RuntimeError) as error:
        raise MetricError(
            f"{path}: not the weights of torchvision's vgg19 ({str(error).splitlines()[-1].strip()}); give "
            f"{VGG19_FILE} as `perceptual_trunk=FILE`"
        ) from error
    # The last convolution of each block, before its activation.
    taps = tuple(end - 1 for end in ends)
    trunk = Trunk(layers.float().eval().requires_grad_(False), taps, _channels(MEAN), _channels(STD))
    return Perceptual(f"vgg19, sha256 {file_digest(path)[:12]}", trunk)


def _shift_tolerant() -> Perceptual:
    trunk = load_network("vgg").trunk
    # Its own scaling is of images in [-1, 1].
    scaled = replace(trunk, mean=(trunk.mean + 1) / 2, std=trunk.std / 2)
    return Perceptual(f"trunk of shift-tolerant LPIPS (vgg), sha256 {file_digest(weights_file('vgg'))[:12]}", scaled)


def _channels(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, device="cpu").reshape(1, -1, 1, 1)
