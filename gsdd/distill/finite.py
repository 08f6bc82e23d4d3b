"""A search that comes to NaN or infinity ends there, and says so: nothing of it is worth keeping."""

from torch import Tensor

from gsdd.distill.run import Run
from gsdd.errors import DivergedError
from gsdd.formats.codec import LARGEST


def check_going(stage: str, step: int, diverged: bool, run: Run) -> None:
    """Stop every process of a run where one has a loss that is not finite; every process calls this.

    Args:
        stage: "inversion" or "matching".
        step: how many were made, the one that diverged among them; on a GPU up to a few more.
        diverged: whether this process has such a loss.
        run: its processes, and its learning rates.

    Raises:
        DivergedError: one has.
    """
    if run.workers.any_of(diverged):
        raise _told(stage, step, "its loss is not finite", run)


def check_latents(stage: str, step: int, latents: Tensor, run: Run) -> None:
    """Refuse what a stage has found where a latent is not finite, or as good as that; all processes have the same.

    Args:
        stage: "inversion" or "matching".
        step: how many steps were made.
        latents: float32 `[N, 3, h, w]` on the CPU.
        run: its learning rates.

    Raises:
        DivergedError: a latent is not finite, or beyond what a file holds.
    """
    sound = (latents.abs() <= LARGEST).flatten(1).all(dim=1)
    if not bool(sound.all()):
        raise _told(stage, step, f"{int((~sound).sum())} of {len(latents)} latents are far from [0, 1]", run)


def _told(stage: str, step: int, cause: str, run: Run) -> DivergedError:
    group, lr = {
        "inversion": ("Inversion", run.recipe.inversion.lr),
        "matching": ("Matching", run.recipe.matching.lr),
    }[stage]
    return DivergedError(
        f"the {stage} diverged at step {step}: {cause}; nothing is written but the checkpoints from before; lower "
        f"`{group}.lr`, which is {lr:g}"
    )
