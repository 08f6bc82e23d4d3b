"""SRResNet without norms: MSRResNet, as BasicSR and KAIR release it."""

from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1


class SRResNet(nn.Module):
    """x4 by residual blocks and two pixel shuffles, added to the bilinear image.

    Its keys are those of MSRResNet in BasicSR; `gsdd.networks.own` renames KAIR's.

    Source: Ledig et al., CVPR 2017, as modified by Wang et al., "ESRGAN", ECCV workshops 2018: no batch norm.
    """

    def __init__(self, channels: int = 64, blocks: int = 16) -> None:
        """Build the network; 64 channels and 16 blocks are those of the released weights."""
        super().__init__()
        self.conv_first = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.upconv1 = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.upconv2 = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.conv_hr = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, lr: Tensor) -> Tensor:
        """Enlarge RGB images `[N, 3, h, w]`, about [0, 1], to `[N, 3, 4h, 4w]`."""
        features = self.body(F.leaky_relu(self.conv_first(lr), SLOPE))
        for enlarge in (self.upconv1, self.upconv2):
            features = F.leaky_relu(F.pixel_shuffle(enlarge(features), 2), SLOPE)
        detail: Tensor = self.conv_last(F.leaky_relu(self.conv_hr(features), SLOPE))
        return detail + F.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False)


class ResidualBlock(nn.Module):
    """Convolution, ReLU, convolution, added to the input."""

    def __init__(self, channels: int) -> None:
        """Build the block."""
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Map `[N, C, h, w]` to the same shape."""
        change: Tensor = self.conv2(F.relu(self.conv1(features)))
        return features + change
