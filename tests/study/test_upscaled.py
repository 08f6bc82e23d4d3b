"""G of the down-sampled crops, against the same written out one image at a time."""

import numpy as np
import torch
from pairs.numpy_bicubic import downscale_by_hand
from pairs.small_file import compact_generator

from gsdd.data.catalog import scan
from gsdd.data.crops import read_tiles
from gsdd.data.degradation import low_resolution
from gsdd.study.sources import upscaled

SIZE = 64


def test_each_image_is_g_of_the_crops_own_lr_image(photos):
    generator = compact_generator()
    crops = torch.from_numpy(read_tiles(scan(photos, min_size=SIZE), SIZE, limit=5)[0])
    images = upscaled(generator, crops)
    assert (images.dtype, images.shape) == (torch.uint8, crops.shape)
    small = np.rint(downscale_by_hand(crops.numpy(), 4))
    with torch.no_grad():
        wanted = [generator(torch.from_numpy(lr[None] / 255).float())[0] for lr in small]
    levels = torch.stack(wanted).clamp(0, 1) * 255
    assert float((images - levels).abs().max()) < 0.51 + 0.5  # half a level, and a level of z that rounds the other way
    back = low_resolution(images, 4).float() - torch.from_numpy(small)
    assert float(back.square().mean().sqrt()) < 12


def test_no_crops_give_no_images():
    assert upscaled(compact_generator(), torch.empty(0, 3, SIZE, SIZE, dtype=torch.uint8)).shape == (0, 3, SIZE, SIZE)
