"""The input range of psi and of DSA."""

from torch import Tensor

# ImageNet's statistics: what pre-trained extractors expect. DSA's brightness of +-0.5 is in these units.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def normalise(images: Tensor) -> Tensor:
    """Bring RGB to about zero mean and unit variance a channel.

    Args:
        images: RGB in [0, 1], floating `[N, 3, H, W]`; values outside are allowed.

    Returns:
        (images - MEAN) / STD, same shape.
    """
    mean = images.new_tensor(MEAN)[:, None, None]
    std = images.new_tensor(STD)[:, None, None]
    return (images - mean) / std
