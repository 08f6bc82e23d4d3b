"""G, and Eq. 9 with its bank, in one precision."""

from functools import cached_property

import torch

from gsdd.distill.bank import Bank, DistillationSource
from gsdd.distill.chunks import CHUNK
from gsdd.distill.generator_pass import graph_bytes
from gsdd.distill.objective import Objective
from gsdd.distill.recipe import Recipe
from gsdd.distill.spaces import Spaces
from gsdd.distill.workers import Workers
from gsdd.generators.frozen import FrozenNetwork
from gsdd.generators.generator import Generator


class Arithmetic:
    """What a step computes with.

    Args:
        source: real crops, pairs and classes.
        generator: G.
        spaces: where (theta, omega) are drawn.
        recipe: of the run.
        workers: the processes of the run.
        bf16: whether G and psi compute in bf16.

    Attributes:
        bf16: the same.
        network: G in its frozen form.
        objective: Eq. 9, with a bank of its own: real and synthetic features are of one precision.
    """

    def __init__(
        self,
        source: DistillationSource,
        generator: Generator,
        spaces: Spaces,
        recipe: Recipe,
        workers: Workers,
        bf16: bool,
    ) -> None:
        self.bf16 = bf16
        self.network: FrozenNetwork = generator.frozen_bf16 if bf16 else generator.frozen
        self.objective = Objective(source, Bank(source, spaces, recipe, bf16), recipe, workers)
        self._shape, self._device = generator.latent_shape(recipe.hr_size), generator.device

    @cached_property
    def graph_bytes(self) -> int:
        """What autograd keeps of a chunk."""
        return graph_bytes(self.network, torch.zeros(CHUNK, *self._shape, device=self._device))
