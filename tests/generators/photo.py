"""A real photo: the cat that scikit-image carries."""

import importlib.util
from pathlib import Path

import numpy as np
import torch
from PIL import Image


def real_latent(side: int, top: int = 100, left: int = 150) -> torch.Tensor:
    """A square crop as float32 [1, 3, side, side] RGB in [0, 1]."""
    spec = importlib.util.find_spec("skimage")
    with Image.open(Path(spec.origin).parent / "data" / "chelsea.png") as image:
        crop = np.asarray(image.convert("RGB"))[top : top + side, left : left + side]
    return torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() / 255
