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
@click.option("-o", "--output", type=OUTPUT, required=True, help="Folder to write, or a .csv file for the list alone.")
@click.option("--ipc", required=True, help="Crops per class: 100, or sky=50,animal=200, or sky=50,*=100.")
@click.option(
    "--method",
    type=click.Choice(METHODS),
    required=True,
    help="random; herding: mean feature near that of the class; kmeans: nearest to cluster centres; gradient: CRAIG on "
    "gradients of a linear SR head; loss: largest errors of bicubic.",
)
@click.option("--hr-size", default=128, help="Side of a crop in pixels; a multiple of 4.")
@click.option("--seed", default=0, help="Seed of every random draw.")
@click.option(
    "--features",
    type=click.Choice(get_args(Family)),
    default="local-fourier",
    help="Features for herding and kmeans; random ones are drawn once.",
)
@click.option(
    "--candidates",
    "max_candidates",
    default=2048,
    help="Maximum number of candidate crops per class; random chooses from all.",
)
@click.option(
    "--leave-out", default=0.05, help="Share of the hardest crops that method loss skips; 0.5 starts at the median."
)
@photo_options
@bad_image_option("skip")
@device_option
@writing
def coreset(source: Path, output: Path, ipc: str, dry_run: bool, printer: Printer, **options: Any) -> None:  # noqa: ANN401
    """Choose real crops of the photos in SOURCE, as a baseline for a distilled set.

    The folder gets one sub-folder of PNG crops per class, their list (coreset.csv), and how they were chosen
    (coreset.json). A crop is named after its photo and place.

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
