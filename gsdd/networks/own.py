"""SR networks that spandrel lacks, known by the keys of their weights."""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from gsdd.networks.sftgan import SFTGAN
from gsdd.networks.small import SmallNetwork
from gsdd.networks.srresnet import SRResNet

State = Mapping[str, Any]

# KAIR and the code of ESRGAN's time against BasicSR.
OLD_NAMES = {"recon_trunk.": "body.", "HRconv.": "conv_hr."}
SRRESNET = ("conv_first.weight", "body.0.conv1.weight", "upconv1.weight", "conv_hr.weight")
SMALL = ("head.weight", "blocks.0.conv1.weight", "tail.weight")
SFTGAN_KEYS = ("conv0.weight", "CondNet.0.weight", "sft_branch.0.sft0.SFT_scale_conv0.weight")


class Own(NamedTuple):
    """A network that was recognised: it maps `[N, 3, h, w]` to `[N, 3, s h, s w]`, s its scale."""

    network: torch.nn.Module
    architecture: str
    scale: int


def recognise(state_dict: State) -> Own | None:
    """Find out whether weights are those of an SRResNet, an SFTGAN or the small student, and load them.

    Args:
        state_dict: tensors by name, not wrapped.

    Returns:
        The network, its name and size, such as "SRResNet 64nf 16nb", and its scale; None if they are of none of them.

    Raises:
        RuntimeError: they have its keys and not its shapes.
    """
    state = {_current_name(key): value for key, value in state_dict.items()}
    for keys, build in ((SRRESNET, _srresnet), (SFTGAN_KEYS, _sftgan), (SMALL, _small)):
        if all(isinstance(value := state.get(key), torch.Tensor) and value.ndim == 4 for key in keys):
            with torch.device("meta"):
                network, architecture, scale = build(state)
            # Copied: where a tensor begins in a file decides which kernel some convolutions take, and so the last bit.
            network.load_state_dict({name: tensor.clone() for name, tensor in state.items()}, strict=True, assign=True)
            return Own(network.float(), architecture, scale)
    return None


def _srresnet(state: State) -> Own:
    channels, blocks = len(state["conv_first.weight"]), _count(state, r"body\.(\d+)\.conv1\.weight")
    # Two shuffles are x4; one is of its own factor.
    scale = 4 if "upconv2.weight" in state else math.isqrt(len(state["upconv1.weight"]) // channels)
    return Own(SRResNet(channels, blocks, scale), f"SRResNet {channels}nf {blocks}nb", scale)


def _sftgan(state: State) -> Own:
    channels, blocks = len(state["conv0.weight"]), _count(state, r"sft_branch\.(\d+)\.conv0\.weight")
    is_retrained = "HR_branch.0.weight" in state
    network = SFTGAN(channels, blocks, "retrained" if is_retrained else "paper")
    return Own(network, f"SFTGAN {channels}nf {blocks}nb{'' if is_retrained else ' paper'}", 4)


def _small(state: State) -> Own:
    channels, blocks = len(state["head.weight"]), _count(state, r"blocks\.(\d+)\.conv1\.weight")
    scale = math.isqrt(len(state["tail.weight"]) // 3)
    return Own(SmallNetwork(channels, blocks, scale), f"small {channels}nf {blocks}nb", scale)


def _current_name(key: str) -> str:
    for old, current in OLD_NAMES.items():
        if key.startswith(old):
            return current + key.removeprefix(old)
    return key


def _count(state: State, pattern: str) -> int:
    return sum(re.fullmatch(pattern, key) is not None for key in state)
