"""Options -> an SR network whose weights nobody has drawn yet."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from torch import nn

from gsdd.generators.weights import quietly
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


def _compact(**options: Any) -> nn.Module:  # noqa: ANN401 - spandrel is untyped for mypy
    from spandrel.architectures.Compact import Compact

    network: nn.Module = Compact(upscale=4, **options)
    return network


def _rrdbnet(**options: Any) -> nn.Module:  # noqa: ANN401
    from spandrel.architectures.ESRGAN import ESRGAN

    network: nn.Module = ESRGAN(scale=4, **options)
    return network


def _swinir(**options: Any) -> nn.Module:  # noqa: ANN401
    from spandrel.architectures.SwinIR import SwinIR

    # Stochastic depth would draw from the global generator at every step.
    fixed = {"upscale": 4, "img_size": 64, "window_size": 8, "mlp_ratio": 2.0, "drop_path_rate": 0.0}
    network: nn.Module = SwinIR(**fixed, **options)
    return network


NETWORKS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {
        "small": SmallNetwork,
        "srresnet": SRResNet,
        "compact": _compact,
        "rrdbnet": _rrdbnet,
        "swinir": _swinir,
        "sftgan": SFTGAN,
    }
)
