"""LPIPS by the `lpips` package. Its trunk's weights come from this machine: nothing is downloaded."""

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from gsdd.errors import MetricError, MissingExtraError
from gsdd.formats.digest import file_digest
from gsdd.generators.tensor_files import quietly
from gsdd.metrics.conventions import Convention, compared
from gsdd.metrics.measure import CPU, Measure, read_weights
from gsdd.metrics.trunk import cached_by_torchvision

Net = Literal["alex", "vgg"]

CONVENTION = Convention("RGB", range=(-1.0, 1.0))
VERSION = "0.1"
# The names under which torchvision caches its ImageNet weights of alexnet and vgg16.
TRUNKS: Mapping[Net, str] = {"alex": "alexnet-owt-7be5be79.pth", "vgg": "vgg16-397923af.pth"}
# Below this a trunk's last feature map is empty.
SMALLEST: Mapping[Net, int] = {"alex": 31, "vgg": 16}


def load_lpips(net: Net, trunk: Path | None = None, device: torch.device = CPU) -> Measure:
    """Build LPIPS, heads of version 0.1.

    Args:
        net: "alex", as papers report it, or "vgg".
        trunk: torchvision's weights of alexnet or vgg16; None looks in torchvision's cache.
        device: where the images will be.

    Returns:
        The metric: RGB, whole images in [-1, 1], 0 for equal ones.

    Raises:
        MissingExtraError: the `lpips` package is not installed.
        MissingWeightsError: the trunk's weights are not on this machine.
        MetricError: the file is damaged, or holds another network.

    Source:
        Zhang, Isola, Efros, Shechtman, Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual
        Metric", CVPR 2018.
    """
    if importlib.util.find_spec("lpips") is None:
        raise MissingExtraError("the lpips package is not installed; pip install lpips")
    path = trunk or cached_by_torchvision(TRUNKS[net], "LPIPS", "lpips_trunk")
    weights = read_weights(path)
    network = _with_random_trunk(net)
    _fill(network.net, weights, path, net)
    network.to(device)
    package = importlib.metadata.version("lpips")
    which = f"lpips {package}, net {net}, version {VERSION}, trunk sha256 {file_digest(path)[:12]}"

    @torch.no_grad()
    def distance(images: Tensor, references: Tensor) -> Tensor:
        ours, theirs = compared(images, references, CONVENTION, "lpips", SMALLEST[net])
        values: Tensor = network(ours.float(), theirs.float())
        return values.flatten().double()

    return Measure(distance, which)


def _with_random_trunk(net: Net) -> Any:  # noqa: ANN401 - lpips is untyped for mypy
    # Constructors fill their layers from the global generator; fork_rng keeps it as the caller had it.
    with quietly(), torch.random.fork_rng(devices=[]):
        import lpips

        return lpips.LPIPS(net=net, version=VERSION, pnet_rand=True, verbose=False).eval().requires_grad_(False)


def _fill(trunk: torch.nn.Module, weights: Mapping[str, Any], path: Path, net: Net) -> None:
    """Put torchvision's `features.N.*` into `sliceK.N.*`."""
    try:
        trunk.load_state_dict({name: weights[f"features.{name.split('.', 1)[1]}"] for name in trunk.state_dict()})
    except (KeyError, RuntimeError) as error:
        wanted = TRUNKS[net].split("-")[0]
        raise MetricError(
            f"{path}: not the weights of torchvision's {wanted}, the trunk of LPIPS net {net} "
            f"({str(error).splitlines()[-1].strip()}); give {TRUNKS[net]} as `lpips_trunk=FILE`"
        ) from error
