"""Held-out L_overall of latents as the codec stores them and as they were, with a finish through the codec and without.

python benchmarks/stored.py ../shared/data/mini-ost/train --cache /tmp
"""

from dataclasses import replace
from pathlib import Path

import click
import torch
from held_out import through_codec
from real_job import changed
from time_to_quality import Job

from gsdd.distill.inversion import Inverted
from gsdd.distill.matching import match
from gsdd.formats.codecs import CODECS

WANTED = 0.01


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--cache", type=click.Path(path_type=Path, exists=True), required=True, help="Keeps inverted latents.")
@click.option("--generator", default="realesr-animevideov3")
@click.option("--family", "families", multiple=True, default=["local-fourier", "resnet18"])
@click.option("--codec", type=click.Choice(sorted(CODECS)), default="uint8")
@click.option("--iterations", default=50)
def main(
    source: Path, cache: Path, generator: str, families: tuple[str, ...], codec: str, iterations: int
) -> None:  # fmt: skip
    """Print a line a family and finish."""
    for family in families:
        job = Job(source, generator, family)
        start = job.start(cache)
        nothing = torch.ones(len(start), dtype=torch.float64)
        for finish in (0.1, 0.0):
            recipe = changed(job.run.recipe, iterations=iterations, finish=finish, codec=codec)
            run = replace(job.run, recipe=recipe)
            latents = match(job.source, Inverted(start, 0, nothing, nothing), job.spaces, run).latents
            floating, stored = job.l_overall(latents), job.l_overall(through_codec(latents, codec))
            click.echo(
                f"{family}, {codec}, finish {finish}: float {floating:.4f}, stored {stored:.4f}: "
                f"{stored / floating - 1:+.3%}, wanted within {WANTED:.0%}"
            )


if __name__ == "__main__":
    main()
