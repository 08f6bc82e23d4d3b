"""What the official programs of NIQE and NRQM gave for five photos that scikit-image carries.

Recorded on 2026-11-23 with GNU Octave 7.3.0 (octave-image 2.14.0, octave-signal 1.4.3, Debian 12) from
  github.com/roimehrez/PIRM2018 @ d585552: utils/convert_shave_image.m, utils/niqe_release/ (the NIQE software release),
  github.com/chaoma99/sr-metric @ 51218db: the .m files at the top, and buildSFpyr of external/matlabPyrTools
unchanged, in PIRM's order, with the functions on Octave's path:
  y = convert_shave_image(photo, 4);     % imread, a grey photo as three equal channels, cut to `box`
  niqe = computequality(y, 96, 96, 0, 0, mu_prisparam, cov_prisparam);
  [local, global, spatial] = feature_all(y);
and printed with %.12g. Four functions that Octave lacks, or that do there what MATLAB does not, were written for the
recording by their MATLAB manual: blkproc, imresize (Octave's has no antialiasing), nanmean (which also gives what it
averages, the features of the blocks) and nancov. For the two boxes gamma kept its tables, to be faster. In
these boxes of 208x208 there is no flat place, where rounding decides NIQE's features.

`basicsr` is the score that calculate_niqe(photo, crop_border=4) of BasicSR's basicsr/metrics/niqe.py gave,
github.com/XPixelGroup/BasicSR @ 8d56e3a, in Python: other code for the same resizing.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

RECORD = json.loads((Path(__file__).parent / "metrics" / "recorded" / "natural_scenes.json").read_text())
SHAVE = 4


@dataclass(frozen=True)
class Scene:
    """A photo, uint8 `[1, 3, H, W]`, and what was recorded for it."""

    photo: Tensor
    luma_sum: int
    niqe: float
    basicsr: float
    features: dict[str, list[float]]


def scene(name: str) -> Scene:
    file = files("skimage").joinpath("data", f"{name}.png")
    record = dict(RECORD[name])
    image = Image.open(file).convert("RGB").crop(record.pop("box"))
    photo = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    return Scene(photo, **record)
