"""Antialiased bicubic resizing in numpy, from Keys' formula."""

import numpy as np


def downscale_by_hand(images, scale):
    """uint8 `[..., H, W]`, square -> float in 0..255, clamped and not rounded."""
    weights = resize_matrix(images.shape[-1], scale)
    return np.clip(weights @ images.astype(float) @ weights.T, 0, 255)


def resize_matrix(size, scale):
    """Rows of weights `[size / scale, size]`: the kernel stretched by a scale above 1, cut at the border, norm 1."""
    centres = (np.arange(size // scale) + 0.5) * scale - 0.5
    weights = keys_cubic((np.arange(size)[None] - centres[:, None]) / max(scale, 1))
    return weights / weights.sum(axis=1, keepdims=True)


def keys_cubic(distance):
    """Keys 1981, Eq. 15 (a = -0.5): the kernel of MATLAB's and Pillow's bicubic."""
    x = np.abs(distance)
    inner = 1.5 * x**3 - 2.5 * x**2 + 1
    outer = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, inner, np.where(x < 2, outer, 0))
