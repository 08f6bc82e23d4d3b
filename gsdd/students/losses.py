"""What a step of each stage minimises."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gsdd.students.perceptual import Perceptual
from gsdd.students.recipe import TrainingRecipe


@dataclass(frozen=True)
class Terms:
    """The terms of a student's loss by name, and their weighted sum."""

    total: Tensor
    parts: dict[str, Tensor]


def pixel_terms(images: Tensor, hr: Tensor) -> Terms:
    """Give the loss of the first stage: the mean absolute difference of images and HR, `[N, 3, H, W]` in [0, 1]."""
    pixel = F.l1_loss(images, hr)
    return Terms(pixel, {"pixel": pixel})


def gan_terms(
    images: Tensor, hr: Tensor, discriminator: nn.Module, perceptual: Perceptual | None, recipe: TrainingRecipe
) -> Terms:
    """Give the student's loss of the second stage.

    Args:
        images: the student's, `[N, 3, H, W]`.
        hr: float in [0, 1], the same shape.
        discriminator: gives logits of being real.
        perceptual: None leaves the term out.
        recipe: has the weights.

    Returns:
        L1, perceptual and GAN term.

    Source: Wang et al., "Real-ESRGAN", ICCV workshops 2021, section 4.1; Goodfellow et al., NeurIPS 2014, the form
        that does not saturate.
    """
    parts = {"pixel": F.l1_loss(images, hr), "gan": _judged(discriminator(images), real=True)}
    weights = {"pixel": recipe.pixel_weight, "gan": recipe.gan_weight, "perceptual": recipe.perceptual_weight}
    if perceptual is not None:
        parts["perceptual"] = perceptual.loss(images, hr)
    return Terms(torch.stack([weights[name] * part for name, part in parts.items()]).sum(), parts)


def discriminator_loss(discriminator: nn.Module, images: Tensor, hr: Tensor) -> Tensor:
    """Give the discriminator's loss: cross-entropy of calling HR real and the student's images not.

    Args:
        discriminator: gives logits of being real.
        images: the student's, `[N, 3, H, W]`; no gradient goes back to it.
        hr: the same shape.

    Returns:
        One number.
    """
    return _judged(discriminator(hr), real=True) + _judged(discriminator(images.detach()), real=False)


def _judged(logits: Tensor, real: bool) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
