"""The outdoor categories on which SFTGAN is conditioned."""

from collections.abc import Sequence

import torch
from torch import Tensor

# In the order of the segmentation network's channels (xinntao/SFTGAN@d98889e, pytorch_test/test_segmentation.py).
CATEGORIES = ("background", "sky", "water", "grass", "mountain", "building", "plant", "animal")
# A probability map has HR's pixels, and a 4x4 patch of it conditions one pixel of LR.
PATCH = 4


def category_condition(classes: Sequence[str]) -> Tensor:
    """Say with certainty that all of an image is of one category.

    Args:
        classes: of each image, a class of the photos' folder; one that is none of `CATEGORIES` is background.

    Returns:
        One-hot probabilities, float32 `[N, 8, 4, 4]`: one patch, which stands for an image of any size.

    Source: the categorical prior of Wang et al., "Recovering Realistic Texture", CVPR 2018, for images of one class.
    """
    names = [name.lower() for name in classes]
    channels = torch.tensor([CATEGORIES.index(name) if name in CATEGORIES else 0 for name in names], dtype=torch.int64)
    one_hot = torch.nn.functional.one_hot(channels, len(CATEGORIES)).to(torch.float32)
    return one_hot[:, :, None, None].repeat(1, 1, PATCH, PATCH)
