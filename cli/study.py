"""`gsdd study`: the paper's tables and figures, and the comparison with rivals."""

from pathlib import Path
from typing import Any

import click

from gsdd.cli.options import OUTPUT, checkpoint_option, device_option, json_option, print_json, quiet_option
from gsdd.cli.progress import StageBars
from gsdd.cli.signals import StopOnSignal

NAMES = ("table1", "table2", "table3", "fig3", "fig6", "fig7", "fig8", "compare", "rate")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("experiment", type=click.Choice(NAMES))
@click.argument("train", metavar="TRAIN", type=click.Path(path_type=Path))
@click.argument("test", metavar="[TEST]", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=OUTPUT, required=True, help="Folder of the study; experiments may share one.")
@click.option(
    "--scale",
    type=click.Choice(["small", "paper"]),
    default="small",
    show_default=True,
    help="For two CPU cores, or the paper's sizes.",
)
@click.option("--config", type=FILE, help="A TOML file with settings that are otherwise than in the scale.")
@click.option("--tune", is_flag=True, help="Score on a fifth of the training photos, held out; then without TEST.")
@click.option("--cells", "at_most", type=click.IntRange(min=0), help="Work out so many cells now, and leave the rest.")
@click.option("--dry-run", is_flag=True, help="List the cells that are left, and work out none.")
@click.option("--lpips-trunk", type=FILE, help="torchvision's alexnet or vgg16.  [default: torchvision's cache]")
@click.option("--nrqm-model", type=FILE, help="model.mat of github.com/chaoma99/sr-metric, for nrqm and pi.")
@checkpoint_option
@device_option
@json_option
@quiet_option
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
    as_json: bool,
    quiet: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Run an EXPERIMENT of the paper on the photos in TRAIN, scored on those in TEST.

    A study is cells: a distillation, or a training with its scores. Each result is a JSON file in the study's folder,
    and the same command works out those that are missing; given twice at the same time, the two share them. The table,
    as CSV and Markdown beside the paper's figures, and the plots are written of the cells that there are.

    \b
    compare is the comparison with full data, random crops, a coreset, AVIF at equal bytes and G(down-sampled crops);
    rate compares files of some sizes with as many bytes of AVIF.

    \b
    Example:
      gsdd study table1 mini-ost/train mini-ost/test --scale small -o study/
    """
    from gsdd.compressor import compress
    from gsdd.metrics.registry import Files
    from gsdd.study.cells import Workshop
    from gsdd.study.settings import read_settings
    from gsdd.study.study import study as run

    settings = read_settings(config) if config else {}
    with StageBars(hidden=quiet) as bars, StopOnSignal() as signals:
        workshop = Workshop(
            output, compress, device, checkpoint_seconds, signals.stop, bars.update, bars.note
        )  # fmt: skip
        outcome = run(
            experiment, train, test, workshop, options=settings, files=Files(lpips_trunk, nrqm_model), **options
        )
    if as_json:
        print_json(outcome.to_dict())
    else:
        click.echo("\n".join(map(str, outcome.files)) or f"{outcome.left} of {outcome.cells} cells are left")
        bars.note(f"{outcome.cells - outcome.left} of {outcome.cells} cells are worked out")
