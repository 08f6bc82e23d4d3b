"""What a large set would cost, computed: FLOPs from shapes, times from rates that are given, not measured.

    python benchmarks/plan.py ../shared/data/mini-ost/train --rate 124e9 --rate 1e14

OST has the seven classes of SOURCE. The set of 10^6 photos is 1,000 such classes; its processors take whole classes
(`--part i/n`), which do not talk to each other.
"""

from math import ceil
from pathlib import Path

import click

from gsdd.cost.estimate import expected_flops
from gsdd.cost.flops import image_flops
from gsdd.cost.trial import Trial
from gsdd.distill.spaces import Spaces
from gsdd.plan import Plan, make_plan

CLASSES = 1000
PROCESSORS = 64


def flops_of(work: Plan) -> int:
    """Count those of the whole run."""
    psi = Spaces.from_recipe(work.recipe, work.real_crops(), work.generator.device).fixed_psi()
    each = image_flops(work.generator, psi, work.recipe.hr_size)
    found = expected_flops(work, Trial(0, 0, 0, 0, 0, 0, (), (), each, 0, 0))
    click.echo("  " + ", ".join(f"{name} {count / 1e15:.2f} PFLOP" for name, count in found.items()))
    return sum(found.values())


def duration(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds > 3600 else f"{seconds / 60:.1f} min"


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--generator", "generators", multiple=True, default=["realesrgan-x4plus", "realesr-animevideov3"])
@click.option("--preset", default="standard")
@click.option("--ipc", default=100)
@click.option("--rate", "rates", multiple=True, type=float, default=[124e9, 1e14], help="FLOP/s of a processor.")
def main(source: Path, generators: tuple[str, ...], preset: str, ipc: int, rates: tuple[float, ...]) -> None:
    """Print a paragraph a generator."""
    for generator in generators:
        work = make_plan(source, preset=preset, generator=generator, ipc=ipc)
        classes = len(work.counts)
        click.echo(f"{generator}, {preset}, {classes} classes at IPC {ipc}: {len(work.crops)} latents")
        flops = flops_of(work)
        for rate in rates:
            one, whole = flops / classes / rate, flops / rate
            times = (whole, CLASSES * one, ceil(CLASSES / PROCESSORS) * one)
            text = f"{CLASSES} classes: one processor {{}}, {PROCESSORS} of them {{}}"
            click.echo(f"  at {rate:.3g} FLOP/s: {duration(times[0])}; " + text.format(*map(duration, times[1:])))


if __name__ == "__main__":
    main()
