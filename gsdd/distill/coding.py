"""The codec in the loop of an inversion: latents are found that are worth their bits, and that survive rounding."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsdd.distill.budget import near
from gsdd.distill.rate import rate
from gsdd.distill.recipe import Recipe
from gsdd.distill.schedule import share_of_rate
from gsdd.formats.dct_codec import DctCodec

# Of the steps: the share at the end that see latents as they will be stored.
STORED = 0.5


@dataclass
class Coding:
    """The codec of a chunk of latents.

    Args:
        recipe: of the run, with the codec `dct`.
        shares: bytes that each latent may take, whose step then follows what it becomes; None keeps the recipe's step.
    """

    recipe: Recipe
    shares: NDArray[np.float64] | None = None
    codec: DctCodec = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the recipe's step."""
        self.codec = DctCodec().at(self.recipe.codec_step)

    def begin(self, latents: Tensor, number: int) -> Tensor | None:
        """Choose the step of the codec for latents as they are now.

        Args:
            latents: z, `[N, 3, h, w]`, with a gradient.
            number: of the inversion's step, from 0.

        Returns:
            Towards the end the latents as they will be stored, with the gradient of those that are not (straight
            through); None before.
        """
        values = latents.detach().cpu().numpy()
        if self.shares is not None:
            self.codec = near(self.recipe.codec_step, values, self.shares)
        if number < self.recipe.inversion_steps * (1 - STORED):
            return None
        rounded = torch.from_numpy(self.codec.rounded(values)).to(latents)
        return latents + (rounded - latents).detach()

    def term(self, latents: Tensor) -> Tensor:
        """Compute what the bits of latents weigh beside the squared error of a pixel, `[N]`.

        At a fine step an error of e costs log2(e) bits a value, and the sum is least where the weight of a bit goes
        with the square of the step.
        """
        return self.recipe.rate * rate(latents, self.codec)

    def lr(self, number: int) -> float:
        """Give the learning rate of a step, which decays: with all of it codes would go back and forth."""
        return self.recipe.inversion_lr * share_of_rate(number, self.recipe.inversion_steps)
