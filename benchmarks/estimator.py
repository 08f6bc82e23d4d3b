"""The class mean over last images against full batches: do a round of small steps and full steps go the same way?

    python benchmarks/estimator.py ../shared/data/mini-ost/train --ipc 20

From the same latents and on the same draw of (theta, omega): rounds in which every latent moves once, 8 of a class at a
time, the others standing for themselves by their last images (as old as in any run); and as many steps that move all,
in fp32. Cosines are those of the two accumulated updates, which are Adam's and so mostly signs, and of Adam's first
moments, the running means of the gradients; then the mean distance between latents of a class after both. The rounds
are fp32 too unless `--precision bf16` adds its rounding; `--class-mean moving` has the mini-batch mean instead.
"""

from dataclasses import replace
from itertools import accumulate, pairwise, starmap
from pathlib import Path

import click
import torch.nn.functional as F
from held_out_loss import pairwise_distance
from real_job import changed, real_job
from torch import Tensor

from gsdd.distill.adam import AdamState
from gsdd.distill.inversion import invert
from gsdd.distill.matching import match
from gsdd.recipe import Recipe


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--generator", default="realesr-animevideov3")
@click.option("--family", default="local-fourier")
@click.option("--ipc", default=20)
@click.option("--latent-batch", default=8)
@click.option("--rounds", default=1, help="Rounds of small steps before the one that is compared: older last images.")
@click.option("--class-mean", type=click.Choice(["whole", "moving"]), default="whole")
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", help="Of the rounds of small steps.")
@click.option("--inversion-steps", default=20)
def main(
    source: Path, generator: str, family: str, ipc: int, latent_batch: int, rounds: int, class_mean: str,
    precision: str, inversion_steps: int,
) -> None:  # fmt: skip
    """Print a line a class."""
    recipe = changed(
        Recipe.preset("quick").changed({"generator": generator, "crops.ipc": ipc}),
        features=family, inversion_steps=inversion_steps, schedule="constant", finish=0.0, real_batch=64,
    )  # fmt: skip
    work, chosen, job, spaces = real_job(source, recipe)
    inverted = invert(job.starts, spaces.fixed_psi(), work)
    start, turns = inverted.latents, -(-ipc // latent_batch)

    def run(steps: int, **values: object) -> AdamState:
        moves = replace(work, recipe=changed(work.recipe, bank=1, iterations=steps, **values))
        return match(job, inverted, spaces, moves).adam

    def cosine(mine: Tensor, theirs: Tensor) -> float:
        return float(F.cosine_similarity(mine.flatten(), theirs.flatten(), dim=0))

    # One draw for all: what is compared is the estimator, not the luck of the draws.
    moved = run(rounds * turns, latent_batch=latent_batch, class_mean=class_mean, precision=precision)
    wanted = run(rounds, latent_batch=0, precision="fp32")
    distances = [pairwise_distance(state.latents, chosen.counts) for state in (moved, wanted)]
    parts = [
        (*chosen.class_names, "all"),
        [*starmap(slice, pairwise(accumulate(chosen.counts, initial=0))), slice(None)],
    ]
    for k, (name, rows) in enumerate(zip(*parts, strict=True)):
        update = cosine(moved.latents[rows] - start[rows], wanted.latents[rows] - start[rows])
        apart = [each[k] if k < len(each) else each.mean() for each in distances]
        click.echo(
            f"{name}: cosine of the update {update:.4f}, of the first moment "
            f"{cosine(moved.first[rows], wanted.first[rows]):.4f}; distance {apart[0]:.4f} against {apart[1]:.4f}"
        )


if __name__ == "__main__":
    main()
