"""The smallest network: the student that a few thousand steps on two CPU cores can train."""

from torch import Tensor, nn
from torch.nn import functional as F

from gsdd.networks.srresnet import ResidualBlock


class SmallNetwork(nn.Module):
    """One convolution, residual blocks, one pixel shuffle; the result is added to the bicubic image.

    Source: residual blocks without norms and a pixel shuffle at the end as in EDSR, Lim et al., CVPR workshops 2017;
    the sum with the bicubic image as in VDSR, Kim et al., CVPR 2016.
    """

    def __init__(self, channels: int = 32, blocks: int = 6, scale: int = 4) -> None:
        """Build the network."""
        super().__init__()
        self.scale = scale
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.tail = nn.Conv2d(channels, 3 * scale**2, 3, padding=1)

    def forward(self, lr: Tensor) -> Tensor:
        """Enlarge RGB images `[N, 3, h, w]`, about [0, 1], to `[N, 3, s h, s w]`, s the scale."""
        detail = F.pixel_shuffle(self.tail(self.blocks(self.head(lr))), self.scale)
        # Enlarging, `antialias` changes nothing but the kernel: Keys' with a = -0.5, as in MATLAB and `downscale`.
        return detail + F.interpolate(lr, scale_factor=self.scale, mode="bicubic", antialias=True)
