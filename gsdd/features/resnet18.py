"""ResNet18 as psi: re-drawn at random, or with given weights; norms are frozen, so psi sees one image at a time."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from gsdd.errors import GeneratorError, RecipeError
from gsdd.features.normalisation import MEAN, STD
from gsdd.generators.weights import read_state_dict
from gsdd.kernels.augment import augment
from gsdd.kernels.augmentation import Augmentation
from gsdd.kernels.backend import Backend
from gsdd.kernels.matching import class_means
from gsdd.randomness import torch_stream

LAYERS = ("layer1", "layer2", "layer3", "layer4")


@dataclass(frozen=True)
class ResNet18:
    """psi(x) = spatial means of chosen layers of ResNet18, concatenated.

    Attributes:
        network: torchvision's ResNet18, eval mode, weights frozen.
        layers: layers whose output is averaged over space.
        backend: of the ops.
    """

    network: nn.Module
    layers: tuple[str, ...]
    backend: Backend = "auto"

    def __call__(self, images: Tensor, omega: Augmentation | None = None) -> Tensor:
        """Embed RGB images `[N, 3, H, W]` as `[N, D]`, D the sum of the layers' channels."""
        rows, each = omega or Augmentation.identity(len(images)), (1,) * len(images)
        images = augment(images, rows, mean=MEAN, std=STD, channels_last=True, backend=self.backend)
        features = []
        for name, child in self.network.named_children():
            images = child(images)
            if name in self.layers:
                features.append(class_means(images, each, backend=self.backend))
            if name == self.layers[-1]:
                break
        return torch.cat(features, dim=1)


def draw_resnet18(
    layers: tuple[str, ...], calibration: Tensor, seed: int, purpose: str, number: int, backend: Backend = "auto"
) -> ResNet18:
    """Draw theta as torchvision initialises it, and set the norms' statistics from real crops.

    Args:
        layers: layers whose spatial means are the features, in network order.
        calibration: real crops, RGB `[M, 3, H, W]`.
        seed: the run's seed.
        purpose: what the draw is for.
        number: which draw.
        backend: of the ops.

    Returns:
        psi with this theta.

    Raises:
        RecipeError: fewer than two crops to calibrate with.

    Source: "randomly sampled embedding space", GSDD paper, Eq. 7; He et al., CVPR 2016.
    """
    if len(calibration) < 2:
        raise RecipeError(
            f"resnet18: got {len(calibration)} real crops to set its norms, wanted at least 2; add photos"
        )
    network = _empty_resnet18().to_empty(device="cpu")
    stream = torch_stream(seed, purpose, number)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * math.prod(module.kernel_size)
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out), generator=stream)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
            module.momentum = None  # plain averages, so one pass gives the calibration set's own statistics
    extractor = ResNet18(_finished(network, calibration.device), layers, backend)
    network.train()
    with torch.no_grad():
        extractor(calibration)
    network.eval()
    return extractor


def load_resnet18(weights: Path, layers: tuple[str, ...], device: torch.device, backend: Backend = "auto") -> ResNet18:
    """Read pre-trained theta.

    Args:
        weights: .pth (tensors only, no pickled code) or .safetensors in torchvision's keys.
        layers: layers whose spatial means are the features, in network order.
        device: where theta shall lie.
        backend: of the ops.

    Returns:
        psi, the same at every step.

    Raises:
        RecipeError: the file does not hold the tensors of a ResNet18.
    """
    network = _empty_resnet18().to_empty(device="cpu")
    try:
        state = {key: value for key, value in read_state_dict(weights).items() if not key.startswith("fc.")}
        network.load_state_dict(state, strict=True)
    except (GeneratorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise RecipeError(f"feature weights {weights}: {reason}; wanted torchvision's resnet18") from error
    return ResNet18(_finished(network, device).eval(), layers, backend)


def _empty_resnet18() -> nn.Module:
    """Build the structure on the meta device: torchvision's own initialisation would read the global generator."""
    from torchvision.models import resnet18  # 1.5 s to import, and only this family needs it

    with torch.device("meta"):
        network: nn.Module = resnet18(weights=None)
    network.fc = nn.Identity()
    return network


def _finished(network: nn.Module, device: torch.device) -> nn.Module:
    return network.requires_grad_(False).to(device).to(memory_format=torch.channels_last)
