"""DSA for a whole batch, every image with its own parameters."""

from torch import Tensor

from gsdd.errors import KernelInputError
from gsdd.kernels.augment_reference import augment_reference
from gsdd.kernels.augmentation import Augmentation


def augment(images: Tensor, augmentation: Augmentation) -> Tensor:
    """Apply A(., omega), differentiable in the images.

    Args:
        images: normalised to zero mean and unit variance a channel, floating `[N, C, H, W]`; nothing is clamped,
            so a zero fill is the mean colour.
        augmentation: omega, one row an image.

    Returns:
        Augmented images, same shape and dtype.

    Raises:
        KernelInputError: the images are not a floating NCHW batch, or omega is for another number of images.

    Source: A in Eq. 7 and 8 of the GSDD paper; DSA as in Zhao and Bilen, ICML 2021, with align_corners=False.
    """
    if images.ndim != 4 or not images.is_floating_point():
        raise KernelInputError(f"augment: got {images.dtype} {tuple(images.shape)}, wanted floating [N, C, H, W]")
    if len(augmentation) != images.shape[0]:
        raise KernelInputError(f"augment: got omega for {len(augmentation)} images, wanted {images.shape[0]}")
    return augment_reference(images, augmentation)
