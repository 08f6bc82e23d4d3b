"""SFTGAN: super-resolution modulated by what an image shows, in the two forms that its authors released."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from gsdd.errors import KernelInputError
from gsdd.networks.categories import CATEGORIES, PATCH, category_condition

Form = Literal["paper", "retrained"]

CONDITION_CHANNELS = 32
HIDDEN_CHANNELS = 128
CONDITION_SLOPE = 0.1


class SFTGAN(nn.Module):
    """x4 by residual blocks whose features are scaled and shifted by a condition; keys are the authors'.

    Source: Wang et al., "Recovering Realistic Texture in Image Super-resolution by Deep Spatial Feature Transform",
    CVPR 2018. "paper" is the network of SFTGAN_torch.pth, "retrained" that of SFTGAN_noBN_OST_bg.pth.
    """

    def __init__(self, channels: int = 64, blocks: int = 16, form: Form = "retrained") -> None:
        """Build the network; 64 channels and 16 blocks are those of the released weights."""
        super().__init__()
        self.conv0 = nn.Conv2d(3, channels, 3, padding=1)
        body = [SFTBlock(channels, form) for _ in range(blocks)]
        last = [SFTLayer(channels, form), nn.Conv2d(channels, channels, 3, padding=1)]
        self.sft_branch = nn.ModuleList([*body, *last])
        self.HR_branch = _enlarging(channels, form)
        self.CondNet = _condition_network()

    def forward(self, lr: Tensor, condition: Tensor | None = None) -> Tensor:
        """Enlarge RGB images.

        Args:
            lr: float `[N, 3, h, w]`, about [0, 1].
            condition: probabilities of `CATEGORIES`, float `[N or 1, 8, 4h, 4w]`, or `[N or 1, 8, 4, 4]` for images
                that are alike all over, as `category_condition` makes them; None is background.

        Returns:
            HR, float `[N, 3, 4h, 4w]`, not clamped.

        Raises:
            KernelInputError: the condition has another shape.
        """
        if condition is None:
            condition = category_condition([CATEGORIES[0]])
        _check(lr, condition)
        modulation = self.CondNet(condition.to(lr))
        first = self.conv0(lr)
        *modulated, last = self.sft_branch
        features = first
        for layer in modulated:
            features = layer(features, modulation)
        images: Tensor = self.HR_branch(first + last(features))
        return images


class SFTLayer(nn.Module):
    """Features times a scale plus a shift, both from the condition."""

    def __init__(self, channels: int, form: Form) -> None:
        """Build the layer; retrained, it scales by 1 + what the condition says."""
        super().__init__()
        self.SFT_scale_conv0 = nn.Conv2d(CONDITION_CHANNELS, CONDITION_CHANNELS, 1)
        self.SFT_scale_conv1 = nn.Conv2d(CONDITION_CHANNELS, channels, 1)
        self.SFT_shift_conv0 = nn.Conv2d(CONDITION_CHANNELS, CONDITION_CHANNELS, 1)
        self.SFT_shift_conv1 = nn.Conv2d(CONDITION_CHANNELS, channels, 1)
        self._slope, self._base = (0.01, 0.0) if form == "paper" else (0.1, 1.0)

    def forward(self, features: Tensor, modulation: Tensor) -> Tensor:
        """Modulate `[N, C, h, w]` by `[N, 32, h, w]`, of which any side but the channels may be 1."""
        scale: Tensor = self.SFT_scale_conv1(F.leaky_relu(self.SFT_scale_conv0(modulation), self._slope))
        shift: Tensor = self.SFT_shift_conv1(F.leaky_relu(self.SFT_shift_conv0(modulation), self._slope))
        return features * (scale + self._base) + shift


class SFTBlock(nn.Module):
    """A residual block with a modulation before each convolution; in the paper's form a ReLU follows each of them."""

    def __init__(self, channels: int, form: Form) -> None:
        """Build the block."""
        super().__init__()
        self.sft0 = SFTLayer(channels, form)
        self.conv0 = nn.Conv2d(channels, channels, 3, padding=1)
        self.sft1 = SFTLayer(channels, form)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self._form = form

    def forward(self, features: Tensor, modulation: Tensor) -> Tensor:
        """Map `[N, C, h, w]` to the same shape."""
        inner = self.sft0(features, modulation)
        if self._form == "paper":
            inner = F.relu(self.sft1(self.conv0(F.relu(inner)), modulation))
        else:
            inner = self.sft1(F.relu(self.conv0(inner)), modulation)
        change: Tensor = self.conv1(inner)
        return features + change


def _enlarging(channels: int, form: Form) -> nn.Sequential:
    end = [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, 3, 3, padding=1)]
    return nn.Sequential(*_doubling(channels, form), *_doubling(channels, form), *end)


def _doubling(channels: int, form: Form) -> tuple[nn.Module, ...]:
    if form == "paper":
        return nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()
    return nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.PixelShuffle(2), nn.ReLU()


def _condition_network() -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(len(CATEGORIES), HIDDEN_CHANNELS, PATCH, PATCH)]
    for width in (HIDDEN_CHANNELS, HIDDEN_CHANNELS, HIDDEN_CHANNELS, CONDITION_CHANNELS):
        layers += [nn.LeakyReLU(CONDITION_SLOPE), nn.Conv2d(HIDDEN_CHANNELS, width, 1)]
    return nn.Sequential(*layers)


def _check(lr: Tensor, condition: Tensor) -> None:
    height, width = lr.shape[2:]
    sizes = ([PATCH * height, PATCH * width], [PATCH, PATCH])
    shape = list(condition.shape)
    if len(shape) != 4 or shape[0] not in (1, len(lr)) or shape[1] != len(CATEGORIES) or shape[2:] not in sizes:
        raise KernelInputError(
            f"condition is {shape}; wanted [{len(lr)} or 1, {len(CATEGORIES)}, {sizes[0][0]}, {sizes[0][1]}], or "
            f"{PATCH}x{PATCH} for the whole image"
        )
