"""Latents under Adam, taken out of a search in the middle and put back to the bit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class AdamState:
    """Parameters with what Adam remembers of each; all on the CPU.

    Attributes:
        latents: the parameters, float32 `[P, ...]`.
        first: running mean of their gradients, of the same shape; zeros where no step was made.
        second: running mean of the squared gradients, as `first`.
        steps: that Adam made with each, int64 `[P]`.
    """

    latents: Tensor
    first: Tensor
    second: Tensor
    steps: Tensor

    def tensors(self) -> dict[str, Tensor]:
        """Name the tensors, as a checkpoint keeps them."""
        return {f"adam.{name}": value for name, value in vars(self).items()}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> "AdamState":
        """Put the state together from what `tensors` named, among others."""
        return cls(*(tensors[f"adam.{each.name}"] for each in fields(cls)))


def adam_state(parameters: Sequence[Tensor], adam: torch.optim.Adam) -> AdamState:
    """Copy what a search has reached.

    Args:
        parameters: those of the optimiser, in its order, all of one shape.
        adam: the optimiser.

    Returns:
        The state.
    """
    kept = adam.state_dict()["state"]

    def stacked(name: str) -> Tensor:
        return torch.stack(
            [kept[k][name].cpu() if k in kept else torch.zeros(z.shape) for k, z in enumerate(parameters)]
        )

    steps = torch.tensor([int(kept[k]["step"]) if k in kept else 0 for k in range(len(parameters))])
    latents = torch.stack([z.detach().cpu() for z in parameters])
    return AdamState(latents, stacked("exp_avg"), stacked("exp_avg_sq"), steps)


@torch.no_grad()
def restore_adam(parameters: Sequence[Tensor], adam: torch.optim.Adam, state: AdamState) -> None:
    """Put a search back to where it was.

    Args:
        parameters: those of the optimiser, in its order; they are overwritten.
        adam: the optimiser; its settings stay.
        state: what `adam_state` gave.
    """
    for z, value in zip(parameters, state.latents, strict=True):
        z.copy_(value)
    # One that never moved has no state: Adam makes it with the first step.
    moved = {
        k: {"step": state.steps[k].float(), "exp_avg": state.first[k].clone(), "exp_avg_sq": state.second[k].clone()}
        for k in state.steps.nonzero().flatten().tolist()
    }
    adam.load_state_dict({"state": moved, "param_groups": adam.state_dict()["param_groups"]})
