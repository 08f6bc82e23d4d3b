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

from gsdd.data.crops import read_crops
from gsdd.distill.chunk_inversion import feature_distance
from gsdd.distill.inversion import invert, starting_latents
from gsdd.distill.spaces import Spaces
from gsdd.metrics.psnr import psnr_of_error
from gsdd.run.plan import make_plan, real_crops


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
    work = make_plan(
        source,
        preset="quick",
        crops="random",
        generator=generator,
        ipc=int(ipc),
        features=family,
        inversion_steps=steps,
        seed=seed,
    )
    pairs = torch.from_numpy(read_crops(work.catalog, work.crops, work.recipe.hr_size))
    psi = Spaces.from_recipe(work.recipe, real_crops(work.catalog, work.recipe), work.generator.device).fixed_psi()

    @torch.no_grad()
    def distance(latents: torch.Tensor) -> float:
        images = torch.cat([work.generator(part) for part in latents.split(8)])
        return float(feature_distance(psi(images), psi(pairs)).mean())

    before = distance(starting_latents(pairs, work.generator.scale, work.recipe))
    click.echo(
        f"{len(pairs)} crops, {generator}, D_f of {family}, {steps} steps, seed {seed}; D_f {before:.4f} at start"
    )
    for weight in weights:
        began = time.monotonic()
        found = invert(pairs, work.generator, psi, replace(work.recipe, inversion_features=weight))
        seconds = (time.monotonic() - began) / (steps * -(-len(pairs) // 8))
        start, end = (float(psnr_of_error(error).mean()) for error in (found.error_start, found.error))
        click.echo(
            f"weight {weight:<5} PSNR {start:.2f} -> {end:.2f} dB ({end - start:+.2f}), "
            f"D_f x {distance(found.latents) / before:.2f}, {seconds:.2f} s a step"
        )


if __name__ == "__main__":
    main()
