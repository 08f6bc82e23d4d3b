"""What inversion gains, and what the weight of D_f costs (Eq. 3-5): PSNR of G(z) to its crop, and seconds a step.

    python benchmarks/inversion.py ../shared/data/mini-ost/train --generator realesr-animevideov3 --weight 0 --weight 1

One line a weight of D_f: mean PSNR (RGB, uint8, no border shaved) at the start and at the end, mean D_f at the end over
what it was at the start, and the time of a step of eight latents.
"""

import time
from dataclasses import replace
from pathlib import Path

import click
import torch
from real_job import real_job

from gsdd.distill.chunk_inversion import feature_distance
from gsdd.distill.inversion import invert, starting_latents
from gsdd.metrics.psnr import psnr_of_error
from gsdd.recipe import Recipe


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--generator", default="realesr-animevideov3", show_default=True)
@click.option("--family", default="local-fourier", show_default=True)
@click.option("--ipc", default="1", show_default=True, help="Latents a class.")
@click.option("--steps", default=90, show_default=True)
@click.option("--weight", "weights", multiple=True, type=float, default=[0.0, 0.01, 0.1, 1.0], show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(
    source: Path, generator: str, family: str, ipc: str, steps: int, weights: tuple[float, ...], seed: int
) -> None:
    """Invert the same crops once a weight of D_f."""
    recipe = Recipe.preset("quick").changed({
        "generator": generator, "crops.ipc": int(ipc), "crops.method": "random", "features.family": family,
        "inversion.steps": steps, "seed": seed,
    })  # fmt: skip
    run, _, target, spaces = real_job(source, recipe)
    psi, pairs = spaces.fixed_psi(), target.starts

    @torch.no_grad()
    def distance(latents: torch.Tensor) -> float:
        images = torch.cat([run.generator(part) for part in latents.split(8)])
        return float(feature_distance(psi(images), psi(pairs)).mean())

    before = distance(starting_latents(pairs, run.generator.scale, run.recipe))
    click.echo(
        f"{len(pairs)} crops, {generator}, D_f of {family}, {steps} steps, seed {seed}; D_f {before:.4f} at start"
    )
    for weight in weights:
        began = time.monotonic()
        found = invert(pairs, psi, replace(run, recipe=run.recipe.changed({"inversion.feature_weight": weight})))
        seconds = (time.monotonic() - began) / (steps * -(-len(pairs) // 8))
        start, end = (float(psnr_of_error(error).mean()) for error in (found.error_start, found.error))
        click.echo(
            f"weight {weight:<5} PSNR {start:.2f} -> {end:.2f} dB ({end - start:+.2f}), "
            f"D_f x {distance(found.latents) / before:.2f}, {seconds:.2f} s a step"
        )


if __name__ == "__main__":
    main()
