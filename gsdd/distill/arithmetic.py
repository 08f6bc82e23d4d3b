"""G, and Eq. 9 with its bank, in one precision."""

import torch
from torch import Tensor

from gsdd.distill.bank import Bank, DistillationSource
from gsdd.distill.generator_pass import GeneratorPass, kept_graphs
from gsdd.distill.objective import Objective
from gsdd.distill.run import Run
from gsdd.distill.spaces import Spaces
from gsdd.distill.student_bank import StudentBank
from gsdd.distill.student_objective import StudentObjective
from gsdd.generators.frozen import Network, graph_bytes
from gsdd.parallel.graphs import graphed

# The weight of Eq. 9 in local Fourier features beside the student's: with it both have gradients of about one length.
FEATURES = 1.5


class Arithmetic:
    """What a step computes with.

    Args:
        source: real crops, starting crops and classes.
        spaces: where (theta, omega) are drawn.
        run: its generator and recipe.
        bf16: whether G and psi compute in bf16.

    Attributes:
        bf16: the same.
        network: G; on a GPU a recording, which is replayed.
        objective: Eq. 9, with a bank of its own: real and synthetic features are of one precision.
        kept: chunks of a step that may keep their graphs.
    """

    def __init__(self, source: DistillationSource, spaces: Spaces, run: Run, bf16: bool) -> None:
        generator, recipe = run.generator, run.recipe
        self.bf16 = bf16
        latents = torch.zeros(run.chunk, *generator.latent_shape(recipe.crops.hr_size), device=generator.device)
        form = generator.search_form(bf16, len(latents), latents.shape[2], run.backend)
        self.network: Network = graphed(form, latents.requires_grad_(True))
        self._is_recorded = self.network is not form
        self.kept = kept_graphs(graph_bytes(form, latents), generator.device)
        self.objective = _objective(source, spaces, run, bf16)

    def images_of(self, latents: list[Tensor]) -> GeneratorPass:
        """Send the chunks of a step through G; of a recording's graphs, one can be kept and it holds for one chunk."""
        kept = int(len(latents) == 1) if self._is_recorded else self.kept
        return GeneratorPass(self.network, latents, kept, self._is_recorded)


def _objective(source: DistillationSource, spaces: Spaces, run: Run, bf16: bool) -> Objective | StudentObjective:
    recipe, bank = run.recipe, Bank(source, spaces, run.recipe, bf16)
    if recipe.features.family != "student":
        return Objective(source, bank, recipe, run.workers)
    # Eq. 7 and 8 are sums over classes, the student's terms are of all together.
    features = Objective(source, bank, recipe, run.workers, FEATURES / len(source.class_names))
    return StudentObjective(source, StudentBank(source, recipe, run.generator.device), recipe, run.workers, features)
