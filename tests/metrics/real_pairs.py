"""Real photos and what bicubic interpolation makes of their LR."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from gsdd.data.degradation import low_resolution, to_float, to_uint8
from gsdd.data.folders import list_photos
from gsdd.data.images import read_photo


def real_pairs(root: Path, count: int = 3, height: int = 92, width: int = 120) -> tuple[torch.Tensor, torch.Tensor]:
    """Give enlarged images and their references, uint8 `[count, 3, height, width]`: the midst of a photo a class."""
    crops = np.stack(list(midsts(root, count, height, width).values()))
    references = torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous()
    small = to_float(low_resolution(references, 4))
    return to_uint8(F.interpolate(small, scale_factor=4, mode="bicubic", antialias=True)), references


def midsts(root: Path, count: int, height: int, width: int) -> dict[str, np.ndarray]:
    """Cut the midst of the first photo that is large enough of each of some classes, by the class's name."""
    classes = list_photos(root).classes[:count]
    return {found.name: _midst(found.files, height, width) for found in classes}


def _midst(files: tuple[Path, ...], height: int, width: int) -> np.ndarray:
    photos = (read_photo(file).pixels for file in files)
    pixels = next(pixels for pixels in photos if pixels.shape[0] >= height and pixels.shape[1] >= width)
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]
