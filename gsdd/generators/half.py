"""A network that computes in bf16 between float32 inputs and outputs."""

import copy

import torch
from torch import Tensor, nn


class HalfPrecision(nn.Module):
    """A copy of a network, weights and activations in bf16, channels_last.

    Args:
        network: what is copied; it stays as it is.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).to(torch.bfloat16).to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Compute in bf16.

        Args:
            x: float32 `[N, C, h, w]`.

        Returns:
            What the network makes of it, in float32.
        """
        y: Tensor = self.network(x.to(torch.bfloat16, memory_format=torch.channels_last))
        return y.float()
