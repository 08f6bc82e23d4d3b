"""ResNet18 as psi: re-drawn at random, or with given weights; norms are frozen, so psi sees one image at a time."""

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from gsdd.errors import GeneratorError, RecipeError
from gsdd.features.normalisation import MEAN, STD
from gsdd.generators.tensor_files import read_state_dict
from gsdd.kernels.augment import augment
from gsdd.kernels.augment.plan import Planned
from gsdd.kernels.augmentation import Augmentation
from gsdd.kernels.backend import Backend
from gsdd.kernels.matching import class_means
from gsdd.kernels.upload import uploaded
from gsdd.randomness import torch_stream

LAYERS = ("layer1", "layer2", "layer3", "layer4")


@dataclass(frozen=True)
class ResNet18:
    """psi(x) = spatial means of chosen layers of ResNet18, concatenated.

    Attributes:
        network: torchvision's ResNet18 up to the last of the layers, its frozen norms merged into its convolutions.
        layers: layers whose output is averaged over space.
        backend: of the ops.
        dtype: of the network; images are normalised and augmented in float32 before it, features are float32.
    """

    network: nn.Module
    layers: tuple[str, ...]
    backend: Backend = "auto"
    dtype: torch.dtype = torch.float32

    def __call__(self, images: Tensor, omega: Augmentation | Planned | None = None) -> Tensor:
        """Embed RGB images `[N, 3, H, W]` as `[N, D]`, D the sum of the layers' channels."""
        rows, each = omega or Planned.identity(images), (1,) * len(images)
        images = augment(images, rows, mean=MEAN, std=STD, channels_last=True, backend=self.backend)
        features, images = [], images.to(self.dtype)
        for name, child in self.network.named_children():
            images = child(images)
            if name in self.layers:
                features.append(class_means(images, each, backend=self.backend).float())
            if name == self.layers[-1]:
                break
        return torch.cat(features, dim=1)

    @torch.no_grad()
    def class_means(self, images: Tensor, counts: tuple[int, ...], omega: Augmentation | Planned) -> Tensor:
        """Embed images and average the features of each class, `[C, D]`."""
        return class_means(self(images, omega), counts, backend=self.backend)

    @property
    def bytes(self) -> int:
        """What theta takes."""
        return sum(tensor.nbytes for tensor in self.network.state_dict().values())

    def in_bf16(self) -> "ResNet18":
        """Return the same theta, rounded to bf16; one copy, however often it is asked for."""
        return self._rounded

    @cached_property
    def _rounded(self) -> "ResNet18":
        return replace(self, network=copy.deepcopy(self.network).to(torch.bfloat16), dtype=torch.bfloat16)


def draw_resnet18(
    layers: tuple[str, ...], calibration: Tensor, seed: int, purpose: str, number: int, backend: Backend = "auto"
) -> ResNet18:
    """Draw psi; its norms are merged into its convolutions.

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
    network = calibrated_resnet18(layers, calibration, seed, purpose, number, backend)
    return ResNet18(_merged(network), layers, backend)


def calibrated_resnet18(
    layers: tuple[str, ...], calibration: Tensor, seed: int, purpose: str, number: int, backend: Backend = "auto"
) -> nn.Module:
    """Draw theta as torchvision initialises it, and set the norms' statistics from real crops.

    Args:
        layers: as in `draw_resnet18`, and so are the rest.

    Returns:
        torchvision's ResNet18 up to the last of the layers, eval mode, weights frozen.

    Raises:
        RecipeError: fewer than two crops to calibrate with.
    """
    if len(calibration) < 2:
        raise RecipeError(
            f"resnet18: got {len(calibration)} real crops to set its norms, wanted at least 2; add photos"
        )
    network = _empty_resnet18(layers[-1]).to_empty(device="cpu")
    stream = torch_stream(seed, purpose, number)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * math.prod(module.kernel_size)
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out), generator=stream)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    extractor = ResNet18(_finished(network, calibration.device), layers, backend)
    with _statistics_of_what_comes(network), torch.no_grad():
        extractor(calibration)
    return network


@contextmanager
def _statistics_of_what_comes(network: nn.Module) -> Iterator[None]:
    """Give each norm the mean and variance of its input before it runs.

    Not by torch's train mode: there each thread sums a part, and the number of threads would change theta.
    """

    def measure(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        images = inputs[0]
        mean = images.mean(dim=(2, 3)).mean(dim=0)
        squares = (images - mean[:, None, None]).square().mean(dim=(2, 3)).sum(dim=0)
        norm.running_mean.copy_(mean)  # type: ignore[operator]
        # From the sum of images' mean squares to the unbiased variance that torch keeps.
        pixels = images.shape[2] * images.shape[3]
        norm.running_var.copy_(squares * (pixels / (len(images) * pixels - 1)))  # type: ignore[operator]

    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    handles = [norm.register_forward_pre_hook(measure) for norm in norms]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


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
    network = _empty_resnet18(LAYERS[-1]).to_empty(device="cpu")
    try:
        state = {key: value for key, value in read_state_dict(weights).items() if not key.startswith("fc.")}
        network.load_state_dict(state, strict=True)
        if not all(bool(value.isfinite().all()) for value in network.state_dict().values()):
            raise GeneratorError("some weights are NaN or infinite")
    except (GeneratorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise RecipeError(f"feature weights {weights}: {reason}; wanted torchvision's resnet18") from error
    return ResNet18(_merged(_finished(network, device)), layers, backend)


def _empty_resnet18(last: str) -> nn.Module:
    """Build the structure on the meta device: torchvision's own initialisation would read the global generator."""
    from torchvision.models import resnet18  # 1.5 s to import, and only this family needs it

    with torch.device("meta"):
        network: nn.Module = resnet18(weights=None)
    network.fc = nn.Identity()
    for name in LAYERS[LAYERS.index(last) + 1 :]:
        delattr(network, name)
    return network


def _merged(network: nn.Module) -> nn.Module:
    """Put frozen norms into the convolutions before them: each is a pass over memory, and on a CPU a third of psi."""
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    # In ResNet18 each norm follows the convolution that was declared before it.
    pairs = zip(convolutions, norms, strict=True)
    merged: dict[int, nn.Module] = {id(c): fuse_conv_bn_eval(c, norm) for c, norm in pairs}
    merged |= {id(norm): nn.Identity() for norm in norms}
    for module in list(network.modules()):
        for name, child in module.named_children():
            if id(child) in merged:
                setattr(module, name, merged[id(child)])
    return _finished(network, convolutions[0].weight.device)


def _finished(network: nn.Module, device: torch.device) -> nn.Module:
    # Not by Module.to: at each theta of `paper` the host would wait for every weight.
    there = {name: uploaded(value, device) for name, value in network.state_dict().items()}
    network.load_state_dict(there, assign=True)
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
