"""What a matching step costs by features: seconds of a step of each family, in turn, and their ratio to local-fourier.

    python benchmarks/features.py ../shared/data/mini-ost/train --ipc 5

All draws of a bank have been met before the first step that counts: what they cost once is told beside it.
"""

import statistics
import time
from pathlib import Path

import click
from real_job import real_job

from gsdd.distill.inversion import Inverted, starting_latents
from gsdd.distill.matching import _Loop
from gsdd.recipe import Recipe

BASELINE = "local-fourier"


def loop_of(source: Path, recipe: Recipe) -> _Loop:
    """Prepare the matching of a real job that was not inverted."""
    run, _, target, spaces = real_job(source, recipe)
    latents = starting_latents(target.starts[:], run.generator.scale, recipe)
    loop = _Loop(target, Inverted.by_no_step(latents), spaces, run, None, None)
    loop.begin()
    return loop


def seconds_of(loop: _Loop) -> float:
    """Time a step."""
    began = time.perf_counter()
    loop.step()
    return time.perf_counter() - began


@click.command(help=__doc__)
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--generator", default="realesr-animevideov3", show_default=True)
@click.option("--ipc", default=5, show_default=True)
@click.option("--bank", default=11, show_default=True)
@click.option("--repeats", default=9, show_default=True)
@click.option("--family", "families", multiple=True, default=[BASELINE, "resnet18", "student"], show_default=True)
def main(source: Path, generator: str, ipc: int, bank: int, repeats: int, families: tuple[str, ...]) -> None:
    """Time the families in turn, so that what else the machine does falls on all of them."""
    loops, begun = {}, {}
    for family in families:
        changes = {"generator": generator, "crops.ipc": ipc, "features.family": family, "matching.bank": bank}
        loops[family] = loop_of(source, Recipe.preset("quick").changed({**changes, "matching.iterations": 10_000}))
        first = [seconds_of(loops[family]) for _ in range(bank)]
        begun[family] = sum(first)
    times = {family: [] for family in families}
    for _ in range(repeats):
        for family, loop in loops.items():
            times[family].append(seconds_of(loop))
    click.echo("| features | s a step | of local-fourier | s of the first steps, a draw each |\n|---|---|---|---|")
    for family in families:
        ratios = [one / other for one, other in zip(times[family], times[families[0]], strict=True)]
        click.echo(
            f"| {family} | {statistics.median(times[family]):.2f} | {statistics.median(ratios):.2f} | "
            f"{begun[family]:.0f} ({bank} steps) |"
        )


if __name__ == "__main__":
    main()
