"""Inversion through a codec: latents are found that are worth their bits, and that survive rounding."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gsdd.distill.budget import Budget
from gsdd.distill.coefficients import Coded, Coefficients
from gsdd.distill.rate import rate
from gsdd.distill.schedule import share_of_rate
from gsdd.recipe import Recipe

# Of the steps: the share at the end that see latents as they will be stored.
STORED = 0.5


@dataclass
class Coding:
    """The codec of a chunk of latents.

    Args:
        recipe: of the run, with the codec `dct`.
        numbers: of the latents in the run.
        budget: what each latent may take, whose step then follows what it becomes; None keeps the recipe's step.

    Attributes:
        coded: the latents of the step that was begun last, as they would be stored.
    """

    recipe: Recipe
    numbers: Sequence[int] = ()
    budget: Budget | None = None
    coded: Coded = field(init=False)

    def begin(self, latents: Tensor, number: int) -> Tensor:
        """Code latents as they are now; the host waits for nothing.

        Args:
            latents: z, `[N, 3, h, w]`.
            number: of the inversion's step, from 0.

        Returns:
            Latents as G is to see them: towards the end as they will be stored, where the gradient is taken for that
            of those that are not (straight through).
        """
        self.coded = self._coded(Coefficients.of(latents))
        if number < self.recipe.inversion.steps * (1 - STORED):
            return latents
        return latents + (self.coded.restored().to(latents) - latents)

    def _coded(self, coefficients: Coefficients) -> Coded:
        if self.budget is not None:
            return self.budget.coded(coefficients, self.numbers)
        return coefficients.at(self.recipe.storage.step)

    def term(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Compute what the bits of the latents that were coded weigh beside the squared error of a pixel.

        At a fine step an error of e costs log2(e) bits a value, and the sum is least where the weight of a bit goes
        with the square of the step.

        Args:
            latents: those of `begin`.

        Returns:
            The terms, `[N]`, and their gradient.
        """
        latents = latents.detach().requires_grad_(True)
        terms = self.recipe.inversion.rate * rate(latents, self.coded)
        (gradient,) = torch.autograd.grad(terms.sum(), latents)
        return terms.detach(), gradient

    def lr(self, number: int) -> float:
        """Give the learning rate of a step, which decays: with all of it codes would go back and forth."""
        return self.recipe.inversion.lr * share_of_rate(number, self.recipe.inversion.steps)
