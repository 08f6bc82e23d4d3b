"""First weights of a student, drawn from a stream of its own."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from gsdd.randomness import torch_stream

Rule = Callable[[str, nn.Module, torch.Generator], None]

RESIDUAL_GAIN = 0.1
TRANSFORMER_STD = 0.02


class Undrawn(TorchFunctionMode):
    """While entered, layers are built without drawing their first weights, which would read the global generator."""

    DRAWS = frozenset(
        {init.kaiming_uniform_, init.kaiming_normal_, init.uniform_, init.normal_, init.trunc_normal_}
        | {torch.Tensor.uniform_, torch.Tensor.normal_}
    )

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        options = kwargs or {}
        return (args or tuple(options.values()))[0] if func in self.DRAWS else func(*args, **options)


def initialise(network: nn.Module, architecture: str, seed: int) -> None:
    """Draw the first weights of a network in place.

    Args:
        network: built under `Undrawn`.
        architecture: a key of `RULES`.
        seed: the run's seed; the same one gives the same weights.
    """
    stream = torch_stream(seed, "first weights of a student")
    with torch.no_grad():
        for name, module in network.named_modules():
            RULES[architecture](name, module, stream)


def _scaled_kaiming(name: str, module: nn.Module, stream: torch.Generator) -> None:
    """A tenth of Kaiming's normal draw, so that residual branches begin near zero."""
    if isinstance(module, nn.Conv2d):
        init.kaiming_normal_(module.weight, generator=stream).mul_(RESIDUAL_GAIN)
        _zero_bias(module)


def _torch_default(name: str, module: nn.Module, stream: torch.Generator) -> None:
    """What torch itself draws for a convolution."""
    if isinstance(module, nn.Conv2d):
        init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=stream)
        if module.bias is not None:
            bound = 1 / math.sqrt(math.prod(module.weight.shape[1:]))
            init.uniform_(module.bias, -bound, bound, generator=stream)


def _esrgan(name: str, module: nn.Module, stream: torch.Generator) -> None:
    """Dense blocks begin near zero, the rest as torch has it."""
    (_scaled_kaiming if ".RDB" in name else _torch_default)(name, module, stream)


def _sftgan(name: str, module: nn.Module, stream: torch.Generator) -> None:
    """Residual blocks and modulations begin near zero; a tenth at each layer around them would leave no signal."""
    (_scaled_kaiming if "sft_branch" in name else _torch_default)(name, module, stream)


def _swin(name: str, module: nn.Module, stream: torch.Generator) -> None:
    """Truncated normal draws for linear layers and position biases, convolutions as torch has them."""
    _torch_default(name, module, stream)
    if isinstance(module, nn.Linear):
        _truncated_normal(module.weight, stream)
        _zero_bias(module)
    if isinstance(table := getattr(module, "relative_position_bias_table", None), torch.Tensor):
        _truncated_normal(table, stream)


def _zero_bias(module: nn.Conv2d | nn.Linear) -> None:
    if module.bias is not None:
        init.zeros_(module.bias)


def _truncated_normal(tensor: torch.Tensor, stream: torch.Generator) -> None:
    init.trunc_normal_(tensor, std=TRANSFORMER_STD, generator=stream)


# As the authors train them: BasicSR@8d56e3a, basicsr/archs/{srresnet,rrdbnet,srvgg,swinir}_arch.py. SFTGAN's begin from
# a trained SRResNet instead (BasicSR@902b4ae, codes/models/networks.py, draws all layers at a tenth).
RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "small": _scaled_kaiming,
        "srresnet": _scaled_kaiming,
        "sftgan": _sftgan,
        "compact": _torch_default,
        "rrdbnet": _esrgan,
        "swinir": _swin,
    }
)
