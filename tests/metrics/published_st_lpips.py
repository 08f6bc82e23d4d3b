"""Run the package `stlpips-pytorch` itself; its own process, since it wants two packages that it does not use here.

Reads pairs of images, uint8 `[N, 3, H, W]`, and writes a list of values a net, and the least side that each net takes.
"""

import contextlib
import json
import sys
import types
import warnings
from pathlib import Path

import torch

warnings.simplefilter("ignore")
for name, attribute in (("IPython", "embed"), ("torchsummary", "summary")):
    sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules[name], attribute, None)
# The file has all weights that are used; drawing others first takes seconds.
for name in ("kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_"):
    setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)

from stlpips_pytorch.stlpips import LPIPS  # noqa: E402


def takes(metric, side):
    try:
        metric(torch.zeros(1, 3, side, side), torch.zeros(1, 3, side, side))
    except RuntimeError:
        return False
    return True


@torch.no_grad()
def main(source, target):
    images, references = (part / 127.5 - 1 for part in torch.load(source, weights_only=True))
    found = {}
    for net in ("alex", "vgg"):
        with contextlib.redirect_stdout(sys.stderr):
            metric = LPIPS(net=net, variant="shift_tolerant", verbose=False)
        smallest = next(side for side in range(16, 32) if takes(metric, side))
        found[net] = {"values": metric(images, references).flatten().tolist(), "smallest": smallest}
    Path(target).write_text(json.dumps(found))


main(*sys.argv[1:])
