"""What the methods look at: vectors, or one error, of each HR crop."""

from torch import Tensor
from torch.nn import functional as F

from gsdd.data.degradation import SCALE, low_resolution, to_float, to_uint8

KERNEL = 5


def bicubic(lr: Tensor, scale: int = SCALE) -> Tensor:
    """Enlarge by bicubic interpolation, as MATLAB's imresize does (a = -0.5).

    Args:
        lr: float RGB `[N, 3, h, w]`, in [0, 1].
        scale: HR side / LR side.

    Returns:
        `[N, 3, scale h, scale w]`, not clamped.
    """
    # antialias changes nothing when enlarging but a: without it torch takes -0.75.
    return F.interpolate(lr, scale_factor=scale, mode="bicubic", antialias=True, align_corners=False)


def head_gradients(crops: Tensor) -> Tensor:
    """Give the gradient that each crop sends to a linear SR head in the first step of its training.

    The student is the bicubic image plus a sub-pixel convolution of 5x5 without a bias, whose weights are 0; the loss
    is L1 between 8-bit images, for where bicubic is right to the level the sign of what is left is rounding noise. So
    it is the last layer of a student that adds to the bicubic image, with the LR pixels for features, and needs no
    training and no seed: the gradient says where bicubic errs, and beside which pixels.

    Args:
        crops: HR, uint8 RGB `[N, 3, H, W]`; H and W multiples of 4.

    Returns:
        dL/dweight of each crop alone, float32 `[N, 48 * 75]`.

    Source:
        Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
        Neural Network", CVPR 2016; gradients of the last layer for selection: CRAIG, Mirzasoleiman et al., ICML 2020.
    """
    lr = to_float(low_resolution(crops, SCALE))
    wrong = to_uint8(bicubic(lr)).float() - crops.float()
    signs = F.pixel_unshuffle(wrong, SCALE).sign().flatten(2)
    patches = F.unfold(lr, KERNEL, padding=KERNEL // 2)
    return (signs @ patches.transpose(1, 2)).flatten(1) / signs[0].numel()


def bicubic_errors(crops: Tensor) -> Tensor:
    """Measure how badly bicubic interpolation restores each crop from its LR partner.

    Args:
        crops: HR, uint8 RGB `[N, 3, H, W]`; H and W multiples of 4.

    Returns:
        Mean squared error a crop, values in [0, 1], float32 `[N, 1]`.
    """
    lr = to_float(low_resolution(crops, SCALE))
    return (bicubic(lr).clamp(0, 1) - to_float(crops)).square().flatten(1).mean(dim=1, keepdim=True)
