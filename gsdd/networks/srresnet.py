"""SRResNet without norms: MSRResNet, as BasicSR and KAIR release it."""

from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1


class SRResNet(nn.Module):
    """Residual blocks, then pixel shuffles: two for x4, one of the factor for x2 and x3; added to the bilinear image.

    Its keys are those of MSRResNet in BasicSR; `gsdd.networks.own` renames KAIR's.

    Source: Ledig et al., CVPR 2017, as modified by Wang et al., "ESRGAN", ECCV workshops 2018: no batch norm.
    """

    def __init__(self, channels: int = 64, blocks: int = 16, scale: int = 4) -> None:
        """Build the network; 64 channels and 16 blocks are those of the released weights."""
        super().__init__()
        self.scale, factor = scale, 2 if scale == 4 else scale
        self.conv_first = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.upconv1 = nn.Conv2d(channels, factor**2 * channels, 3, padding=1)
        if scale == 4:
            self.upconv2 = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self._factor = factor
        self.conv_hr = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, lr: Tensor) -> Tensor:
        """Enlarge RGB images `[N, 3, h, w]`, about [0, 1], to `[N, 3, s h, s w]`, s the scale."""
        features = self.body(F.leaky_relu(self.conv_first(lr), SLOPE))
        for enlarge in (self.upconv1, self.upconv2) if self.scale == 4 else (self.upconv1,):
            features = F.leaky_relu(F.pixel_shuffle(enlarge(features), self._factor), SLOPE)
        detail: Tensor = self.conv_last(F.leaky_relu(self.conv_hr(features), SLOPE))
        return detail + F.interpolate(lr, scale_factor=self.scale, mode="bilinear", align_corners=False)


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
