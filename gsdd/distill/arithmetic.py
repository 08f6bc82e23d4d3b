"""G, and Eq. 9 with its bank, in one precision."""

from functools import cached_property

import torch

from gsdd.distill.bank import Bank, DistillationSource
from gsdd.distill.generator_pass import graph_bytes
from gsdd.distill.objective import Objective
from gsdd.distill.run import Run
from gsdd.distill.spaces import Spaces
from gsdd.generators.frozen import FrozenNetwork
from gsdd.parallel.chunks import CHUNK


class Arithmetic:
    """What a step computes with.

    Args:
        source: real crops, starting crops and classes.
        spaces: where (theta, omega) are drawn.
        run: its generator and recipe.
        bf16: whether G and psi compute in bf16.

    Attributes:
        bf16: the same.
        network: G in its frozen form.
        objective: Eq. 9, with a bank of its own: real and synthetic features are of one precision.
    """

    def __init__(self, source: DistillationSource, spaces: Spaces, run: Run, bf16: bool) -> None:
        generator, recipe = run.generator, run.recipe
        self.bf16 = bf16
        self.network: FrozenNetwork = generator.frozen_bf16 if bf16 else generator.frozen
        self.objective = Objective(source, Bank(source, spaces, recipe, bf16), recipe, run.workers)
        self._shape, self._device = generator.latent_shape(recipe.crops.hr_size), generator.device

    @cached_property
    def graph_bytes(self) -> int:
        """What autograd keeps of a chunk."""
        return graph_bytes(self.network, torch.zeros(CHUNK, *self._shape, device=self._device))
