"""Options -> an SR network whose weights nobody has drawn yet."""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType

from torch import nn

from gsdd.data.degradation import SCALE
from gsdd.generators.generator import CHANNELS
from gsdd.generators.tensor_files import quietly
from gsdd.networks.initial import Undrawn
from gsdd.networks.sftgan import SFTGAN
from gsdd.networks.small import SmallNetwork
from gsdd.networks.srresnet import SRResNet

RRDBNET_SCALE = 4


def bare_network(architecture: str, options: Mapping[str, object], scale: int = SCALE) -> nn.Module:
    """Build a network; its weights are whatever lay in memory.

    Args:
        architecture: a key of `NETWORKS`.
        options: what its constructor takes.
        scale: HR side / LR side, one at which the network exists.

    Returns:
        The network in train mode, on the CPU, float32; it maps `[N, 3, h, w]` to `[N, 3, s h, s w]`.
    """
    with quietly(), Undrawn():
        return NETWORKS[architecture](scale, **options)


def _of_spandrel(architecture: str, **options: object) -> nn.Module:
    """Build a network of spandrel, which is imported then."""
    module = import_module(f"spandrel.architectures.{architecture}")
    network: nn.Module = getattr(module, architecture)(**options)
    return network


def _rrdbnet(scale: int, **options: object) -> nn.Module:
    """Build what always enlarges four times; at x2 and x1 it is given LR with its pixels stacked in channels."""
    folded = RRDBNET_SCALE // scale
    stacked = {"in_nc": CHANNELS * folded**2, "shuffle_factor": folded} if folded > 1 else {}
    return _of_spandrel("ESRGAN", scale=RRDBNET_SCALE, **stacked, **options)


def _swinir(scale: int, **options: object) -> nn.Module:
    # Stochastic depth would draw from the global generator at every step.
    fixed = {"img_size": 64, "window_size": 8, "mlp_ratio": 2.0, "drop_path_rate": 0.0}
    return _of_spandrel("SwinIR", upscale=scale, **fixed, **options)


NETWORKS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {
        "small": lambda scale, **options: SmallNetwork(**options, scale=scale),
        "srresnet": lambda scale, **options: SRResNet(**options, scale=scale),
        "compact": lambda scale, **options: _of_spandrel("Compact", upscale=scale, **options),
        "rrdbnet": _rrdbnet,
        "swinir": _swinir,
        "sftgan": lambda scale, **options: SFTGAN(**options),
    }
)
