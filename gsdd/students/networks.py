"""Options -> an SR network whose weights nobody has drawn yet."""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from torch import nn

from gsdd.generators.generator import SCALE
from gsdd.generators.tensor_files import quietly
from gsdd.networks.sftgan import SFTGAN
from gsdd.networks.small import SmallNetwork
from gsdd.networks.srresnet import SRResNet
from gsdd.students.initial import Undrawn


def bare_network(architecture: str, options: Mapping[str, object]) -> nn.Module:
    """Build a network; its weights are whatever lay in memory.

    Args:
        architecture: a key of `NETWORKS`.
        options: what its constructor takes.

    Returns:
        The network in train mode, on the CPU, float32; it maps `[N, 3, h, w]` to `[N, 3, 4h, 4w]`.
    """
    with quietly(), Undrawn():
        return NETWORKS[architecture](**options)


def _of_spandrel(architecture: str, **fixed: object) -> Callable[..., nn.Module]:
    """Name a network of spandrel, which is imported when one is built."""

    def build(**options: object) -> nn.Module:
        network: nn.Module = getattr(import_module(f"spandrel.architectures.{architecture}"), architecture)(
            **fixed, **options
        )
        return network

    return build


NETWORKS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {
        "small": SmallNetwork,
        "srresnet": SRResNet,
        "compact": _of_spandrel("Compact", upscale=SCALE),
        "rrdbnet": _of_spandrel("ESRGAN", scale=SCALE),
        # Stochastic depth would draw from the global generator at every step.
        "swinir": _of_spandrel("SwinIR", upscale=SCALE, img_size=64, window_size=8, mlp_ratio=2.0, drop_path_rate=0.0),
        "sftgan": SFTGAN,
    }
)
