"""Adam on a stack of latents that move in turns, and its state: taken out of a search in the middle, and put back."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gsdd.distill.parts import tensor_of
from gsdd.kernels.upload import uploaded

EPSILON = 1e-8


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
        """Put the state together from what `tensors` named, among others; ValueError if that is none."""
        shape = tuple(tensors["adam.latents"].shape)
        latents, first, second = (
            tensor_of(tensors, f"adam.{name}", torch.float32, shape) for name in ("latents", "first", "second")
        )
        return cls(latents, first, second, tensor_of(tensors, "adam.steps", torch.int64, shape[:1]))


class StackedAdam:
    """Adam, of which each row of one tensor is a parameter: `torch.optim.Adam` of a list of them, in a few launches.

    A row that does not move keeps what Adam remembers of it, and its own count of steps, which torch's optimiser has
    for whole tensors alone.

    Args:
        values: the parameters, float32 `[P, ...]`; they are moved in place.
        betas: beta_1 and beta_2.

    Source: Kingma and Ba, ICLR 2015.
    """

    def __init__(self, values: Tensor, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.values, self._betas = values, betas
        self._first, self._second = torch.zeros_like(values), torch.zeros_like(values)
        self._steps = torch.zeros(len(values), dtype=torch.int64)

    @property
    def has_moved(self) -> bool:
        """Whether a step was made."""
        return bool(self._steps.any())

    @torch.no_grad()
    def move(self, gradients: Tensor, lr: float, index: Tensor | None = None) -> None:
        """Make a step.

        Args:
            gradients: of the rows that move, float32 `[M, ...]`.
            lr: learning rate.
            index: which rows those are, int64 `[M]` on the host, each once; None moves all.
        """
        rows = slice(None) if index is None else index
        self._steps[rows] += 1
        sizes, roots = self._corrections(self._steps[rows].tolist(), lr)
        there = rows if index is None else uploaded(index, self.values.device)
        beta_1, beta_2 = self._betas
        first = self._first[there].lerp_(gradients, 1 - beta_1)
        second = self._second[there].mul_(beta_2).addcmul_(gradients, gradients, value=1 - beta_2)
        moved = self.values[there].addcdiv_(first * sizes, (second.sqrt() / roots).add_(EPSILON))
        if isinstance(there, Tensor):
            for all_rows, some in ((self._first, first), (self._second, second), (self.values, moved)):
                all_rows.index_copy_(0, there, some)

    def _corrections(self, steps: list[int], lr: float) -> tuple[Tensor, Tensor]:
        """Of each row: the size of its step, below 0, and the root of what its second moment lacks."""
        beta_1, beta_2 = self._betas
        # In double precision, as torch's optimiser computes them.
        numbers = [[-lr / (1 - beta_1**k) for k in steps], [(1 - beta_2**k) ** 0.5 for k in steps]]
        both = uploaded(torch.tensor(numbers), self.values.device)
        sizes, roots = both.view(2, -1, *[1] * (self.values.ndim - 1))
        return sizes, roots

    def state(self) -> AdamState:
        """Copy what the search has reached."""
        return AdamState(*(tensor.to("cpu", copy=True) for tensor in self._tensors()))

    @torch.no_grad()
    def restore(self, state: AdamState) -> None:
        """Put the search back to where it was.

        Args:
            state: what `state` gave.
        """
        for tensor, value in zip(self._tensors(), vars(state).values(), strict=True):
            tensor.copy_(value)

    def _tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.values, self._first, self._second, self._steps
