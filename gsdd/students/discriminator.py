"""The discriminator of Real-ESRGAN: a U-Net that judges every pixel."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn import init
from torch.nn.utils import spectral_norm

from gsdd.networks.initial import Undrawn
from gsdd.randomness import torch_stream

SLOPE = 0.2
# What three halvings divide.
MULTIPLE_OF = 8


class UNetDiscriminator(nn.Module):
    """Three strided convolutions down, three bilinear enlargements up, sums across; spectral norm but at both ends.

    Keys are those of the official checkpoints.

    Source: Wang et al., "Real-ESRGAN", ICCV workshops 2021, section 3.3; xinntao/Real-ESRGAN@83530bc,
    realesrgan/archs/discriminator_arch.py. Spectral norm: Miyato et al., ICLR 2018.
    """

    def __init__(self, channels: int = 64) -> None:
        """Build the network; its weights are drawn by `build_discriminator`."""
        super().__init__()
        self.conv0 = nn.Conv2d(3, channels, 3, padding=1)
        self.conv1 = _halving(channels, channels * 2)
        self.conv2 = _halving(channels * 2, channels * 4)
        self.conv3 = _halving(channels * 4, channels * 8)
        self.conv4 = _normed(channels * 8, channels * 4)
        self.conv5 = _normed(channels * 4, channels * 2)
        self.conv6 = _normed(channels * 2, channels)
        self.conv7 = _normed(channels, channels)
        self.conv8 = _normed(channels, channels)
        self.conv9 = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Judge RGB images `[N, 3, H, W]`, sides multiples of 8: logits of being real, `[N, 1, H, W]`."""
        whole = _leaky(self.conv0(image))
        half = _leaky(self.conv1(whole))
        quarter = _leaky(self.conv2(half))
        eighth = _leaky(self.conv3(quarter))
        quarter = _leaky(self.conv4(_doubled(eighth))) + quarter
        half = _leaky(self.conv5(_doubled(quarter))) + half
        whole = _leaky(self.conv6(_doubled(half))) + whole
        logits: Tensor = self.conv9(_leaky(self.conv8(_leaky(self.conv7(whole)))))
        return logits


def build_discriminator(channels: int, seed: int) -> UNetDiscriminator:
    """Build a discriminator with its first weights.

    Args:
        channels: of the widest resolution; 64 in the paper.
        seed: the same one gives the same weights, bit for bit.

    Returns:
        The network in train mode, on the CPU.
    """
    with Undrawn():
        network = UNetDiscriminator(channels)
    stream = torch_stream(seed, "first weights of the discriminator")
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            _draw(name, tensor, stream)
    return network


def _draw(name: str, tensor: Tensor, stream: torch.Generator) -> None:
    """As torch has it for convolutions, and unit vectors for the singular vectors of the norms."""
    if tensor.ndim == 4:
        init.kaiming_uniform_(tensor, a=5**0.5, generator=stream)
    elif name.endswith(("weight_u", "weight_v")):
        tensor.copy_(F.normalize(tensor.normal_(generator=stream), dim=0))
    else:
        tensor.zero_()


def _normed(inputs: int, outputs: int) -> nn.Module:
    return spectral_norm(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False))


def _halving(inputs: int, outputs: int) -> nn.Module:
    return spectral_norm(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False))


def _leaky(values: Tensor) -> Tensor:
    return F.leaky_relu(values, SLOPE)


def _doubled(values: Tensor) -> Tensor:
    return F.interpolate(values, scale_factor=2, mode="bilinear", align_corners=False)
