"""Adam of one network, and where it stands as tensors by name."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gsdd.students.recipe import TrainingRecipe

Tensors = Mapping[str, Tensor]


class Optimiser:
    """Adam (Kingma and Ba, ICLR 2015), all parameters in one pass.

    Args:
        network: whose parameters are moved.
        recipe: of the training; has Adam's betas.
    """

    def __init__(self, network: nn.Module, recipe: TrainingRecipe) -> None:
        self._parameters = dict(network.named_parameters())
        betas = (recipe.beta1, recipe.beta2)
        self._adam = torch.optim.Adam(self._parameters.values(), betas=betas, fused=True)

    def step(self, loss: Tensor, lr: float) -> None:
        """Move the parameters down the gradient of a loss.

        Args:
            loss: one number; only these parameters get a gradient.
            lr: learning rate.
        """
        self._adam.param_groups[0]["lr"] = lr
        gradients = torch.autograd.grad(loss, list(self._parameters.values()))
        for parameter, gradient in zip(self._parameters.values(), gradients, strict=True):
            parameter.grad = gradient
        self._adam.step()

    def tensors(self) -> dict[str, Tensor]:
        """Give the moments and counts of all parameters; empty before the first step."""
        state = self._adam.state
        return {
            f"{kind}.{name}": value
            for name, parameter in self._parameters.items()
            for kind, value in state.get(parameter, {}).items()
        }

    def load(self, tensors: Tensors) -> None:
        """Go on from `tensors()` of a training of the same network."""
        for name, parameter in self._parameters.items():
            found = {kind: tensors[f"{kind}.{name}"] for kind in _KINDS if f"{kind}.{name}" in tensors}
            if found:
                self._adam.state[parameter] = {kind: _like(parameter, value) for kind, value in found.items()}


_KINDS = ("step", "exp_avg", "exp_avg_sq")


def _like(parameter: Tensor, value: Tensor) -> Any:  # noqa: ANN401 - torch has no type for a state
    """Copy into the parameter's memory layout: the fused step walks both as plain memory."""
    if value.ndim == 0:
        return value.to(parameter.device, copy=True)
    return torch.empty_like(parameter, requires_grad=False).copy_(value)
