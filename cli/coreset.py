"""`gsdd coreset`: real crops that stand for a folder of photos."""

from pathlib import Path
from typing import Any, get_args

import click

from gsdd.cli.options import OUTPUT, PATH, bad_image_option, device_option, photo_options
from gsdd.cli.printer import Printer, writing
from gsdd.recipe import Family, parse_ipc
from gsdd.selection.method import METHODS


@click.command()
@click.argument("source", type=PATH)
@click.option("-o", "--output", type=OUTPUT, required=True, help="Folder to write; a list if its name ends in .csv.")
@click.option("--ipc", required=True, help="Crops a class: 100, or sky=50,animal=200, or sky=50,*=100.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    required=True,
    help="random; herding: their mean feature is that of the class; kmeans: nearest to centres of features; gradient: "
    "CRAIG, on gradients of a linear SR head; loss: the largest errors of bicubic.",
)
@click.option("--hr-size", default=128, help="Side of a crop in pixels; a multiple of 4.")
@click.option("--seed", default=0, help="Seed of every random draw.")
@click.option(
    "--features",
    type=click.Choice(get_args(Family)),
    default="local-fourier",
    help="What herding and kmeans look at, with theta drawn once.",
)
@click.option(
    "--candidates",
    "max_candidates",
    default=2048,
    help="Crops a class to choose from, at most; random chooses from all.",
)
@click.option(
    "--leave-out", default=0.05, help="Share of the hardest crops that loss passes over; 0.5 begins at the middle."
)
@photo_options
@bad_image_option("skip")
@device_option
@writing
def coreset(source: Path, output: Path, ipc: str, dry_run: bool, printer: Printer, **options: Any) -> None:  # noqa: ANN401
    """Choose crops of the photos in SOURCE that stand for all of them, the baselines of a distilled set.

    A folder gets a sub-folder of PNG crops a class, named after photo and place, coreset.csv, a list of them, and
    coreset.json, how they were chosen.

    \b
    Example:
      gsdd coreset ost/ --ipc 100 --method herding -o ost_herding/
    """
    from gsdd.selection.coreset import coreset as run

    with printer.progress() as monitor:
        report = run(source, output, ipc=parse_ipc(ipc), dry_run=dry_run, monitor=monitor, **options)
    facts = report.to_dict()
    size = " (not written)" if dry_run else f", {facts['bytes']:,} bytes"
    line = f"{facts['path']}: {facts['crops']} crops, {len(facts['classes'])} classes{size}"
    printer.show({**facts, "dry_run": dry_run}, line, facts["path"])
