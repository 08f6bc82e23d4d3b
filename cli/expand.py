"""`gsdd expand`: a `.gsdd` file -> HR and LR images."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gsdd.cli.options import GENERATOR, OUTPUT, force_option, json_option, note, print_json, quiet_option
from gsdd.cli.progress import StageBars

if TYPE_CHECKING:
    from gsdd.pairs.expand import ExpandReport
    from gsdd.pairs.tree import ImageFormat


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=OUTPUT, help="Folder to write; <name>_expanded by default.")
@click.option("--by-class", is_flag=True, help="A sub-folder a class.")
@click.option(
    "--format",
    "image_format",
    type=click.Choice(["png", "webp"]),
    default="png",
    show_default=True,
    help="Both are lossless.",
)
@click.option("--batch-size", default=32, show_default=True, help="Latents between two reports of progress.")
@click.option("--generator", type=GENERATOR, help="Weights to decode with; the file's own by default.")
@click.option("--force-generator", is_flag=True, help="Use other weights than those the file was made with.")
@click.option("--device", default="cpu", show_default=True, help="Where the generator runs: cpu, cuda, cuda:1 ...")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@force_option
@json_option
@quiet_option
def expand(
    file: Path,
    output: Path | None,
    by_class: bool,
    image_format: "ImageFormat",
    batch_size: int,
    generator: str | None,
    force_generator: bool,
    device: str,
    dry_run: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the HR-LR pairs of FILE as images that SR trainers read.

    The folder gets HR/, LR_x4/ (antialiased bicubic) and meta_info.txt. The same command again completes what is
    missing and changes nothing else. Printed with it: configuration for BasicSR, traiNNer-redux, neosr and KAIR.

    \b
    Example:
      gsdd expand ost.gsdd -o ost_pairs/
    """
    from gsdd.pairs.expand import expand as expand_file

    with StageBars(hidden=quiet) as bars:
        report = expand_file(
            file,
            output,
            generator=generator,
            by_class=by_class,
            image_format=image_format,
            batch_size=batch_size,
            device=device,
            force=force,
            force_generator=force_generator,
            dry_run=dry_run,
            progress=lambda done, total: bars.update("pairs", done, total, None),
        )
    if report.note:
        note(f"note: {report.note}", quiet)
    _print(report, dry_run, as_json, quiet)


def _print(report: "ExpandReport", dry_run: bool, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json({**report.to_dict(), "dry_run": dry_run})
    elif quiet:
        click.echo(report.folder)
    else:
        click.echo(_summary(report, dry_run))
        for trainer, configuration in report.trainers.items():
            click.echo(f"\n=== {trainer} ===\n{configuration}", nl=False)


def _summary(report: "ExpandReport", dry_run: bool) -> str:
    written = "to write" if dry_run else "written"
    sizes = f"HR {report.hr_size}x{report.hr_size}, LR {report.lr_size}x{report.lr_size}"
    return (
        f"{report.folder}: {report.pairs} pairs ({report.written} {written}, {report.kept} kept), "
        f"{sizes}, {report.image_format}"
    )
