"""How far an image is from its crop: D_f in features (Eq. 4) and D_p in pixels (Eq. 5)."""

from torch import Tensor


def feature_distance(image_features: Tensor, crop_features: Tensor) -> Tensor:
    """Measure D_f (Eq. 4): the squared distance of features over their number.

    Args:
        image_features: psi(G(z)), floating `[N, D]`.
        crop_features: psi(x), `[N, D]`.

    Returns:
        D_f of each image, `[N]`.
    """
    return (image_features - crop_features).square().mean(dim=1)


def pixel_distance(images: Tensor, crops: Tensor) -> Tensor:
    """Measure D_p (Eq. 5): the squared distance of pixels over their number.

    Args:
        images: G(z), floating `[N, 3, H, W]`.
        crops: x, `[N, 3, H, W]`.

    Returns:
        D_p of each image, `[N]`.
    """
    return (images - crops).square().mean(dim=(1, 2, 3))
