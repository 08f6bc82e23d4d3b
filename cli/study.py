"""`gsdd study`: the paper's tables and figures, and the comparison with baselines."""

from pathlib import Path
from typing import Any

import click

from gsdd.cli.options import FILE, OUTPUT, PATH, checkpoint_option, device_option
from gsdd.cli.printer import Printer, printing

NAMES = ("table1", "table2", "table3", "fig3", "fig6", "fig7", "fig8", "compare", "rate")


@click.command()
@click.argument("experiment", type=click.Choice(NAMES))
@click.argument("train", metavar="TRAIN", type=PATH)
@click.argument("test", metavar="[TEST]", required=False, type=PATH)
@click.option("-o", "--output", type=OUTPUT, required=True, help="Folder of the study; experiments may share one.")
@click.option(
    "--scale", type=click.Choice(["small", "paper"]), default="small", help="For two CPU cores, or the paper's sizes."
)
@click.option("--config", type=FILE, help="A TOML file with settings that differ from those of the scale.")
@click.option("--tune", is_flag=True, help="Score on a held-out fifth of the training photos; needs no TEST.")
@click.option("--cells", "at_most", type=click.IntRange(min=0), help="Compute at most this many cells now.")
@click.option("--dry-run", is_flag=True, help="List the remaining cells, and compute none.")
@click.option("--lpips-trunk", type=FILE, help="torchvision's alexnet or vgg16.  [default: torchvision's cache]")
@click.option("--nrqm-model", type=FILE, help="model.mat of github.com/chaoma99/sr-metric, for nrqm and pi.")
@checkpoint_option
@device_option
@printing
def study(
    experiment: str,
    train: Path,
    test: Path | None,
    output: Path,
    config: Path | None,
    lpips_trunk: Path | None,
    nrqm_model: Path | None,
    checkpoint_seconds: float,
    device: str,
    printer: Printer,
    **options: Any,  # noqa: ANN401
) -> None:
    """Run an EXPERIMENT of the paper on the photos in TRAIN, scored on those in TEST.

    A study consists of cells: distillations, and trainings with their scores. Each result is a JSON file in the study's
    folder. The same command again computes the missing ones, and two commands at the same time share the work. Tables
    (CSV, and Markdown beside the paper's numbers) and plots include all cells finished so far.

    compare compares with full data, random crops, a coreset, AVIF at equal bytes and G(down-sampled crops). rate
    compares files of several sizes with AVIF at equal bytes.

    \b
    Example:
      gsdd study table1 mini-ost/train mini-ost/test --scale small -o study/
    """
    from gsdd.configuration import load_toml
    from gsdd.metrics.registry import Files
    from gsdd.study.cells import Workshop
    from gsdd.study.study import study as run

    settings, files = load_toml(config) if config else {}, Files(lpips_trunk, nrqm_model)
    with printer.progress() as monitor:
        workshop = Workshop(output, device, checkpoint_seconds, monitor)
        outcome = run(experiment, train, test, workshop, options=settings, files=files, **options)
    done = outcome.cells - outcome.left
    if not printer.as_json:
        printer.note(f"{done} of {outcome.cells} cells are worked out")
    left = f"{outcome.left} of {outcome.cells} cells are left"
    printer.show(outcome.to_dict(), "\n".join(map(str, outcome.files)) or left)
