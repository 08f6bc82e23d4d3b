"""`gsdd expand`: `.gsdd` files -> HR and LR images."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gsdd.cli.options import OUTPUT, Scales, decoding_options, files_argument
from gsdd.cli.printer import Printer, writing
from gsdd.formats.place import Place

if TYPE_CHECKING:
    from gsdd.pairs.expand import ExpandReport


@click.command()
@files_argument()
@click.option("-o", "--output", type=OUTPUT, help="Folder to write; <name of the first FILE>_expanded by default.")
@click.option(
    "--to",
    type=click.Choice(["folder", "webdataset", "imagefolder"]),
    default="folder",
    help="A folder for SR trainers, tar files for webdataset, or a folder for datasets' imagefolder.",
)
@click.option(
    "--scale", "scales", type=Scales(), default="4", help="Scales of the LR images, from 1, 2, 3, 4 and 8, such as 2,4."
)
@click.option("--by-class", is_flag=True, help="One sub-folder per class.")
@click.option("--format", "image_format", type=click.Choice(["png", "webp"]), default="png", help="Both are lossless.")
@decoding_options
@writing
def expand(
    files: tuple[Place, ...],
    output: Path | None,
    dry_run: bool,
    printer: Printer,
    **options: Any,  # noqa: ANN401
) -> None:
    """Write the HR-LR pairs of all FILEs, as one set of images that SR trainers read.

    The folder gets HR/, LR_x4/ (antialiased bicubic; one folder per scale) and meta_info.txt. The same command again
    adds only what is missing. It also prints configurations for BasicSR, traiNNer-redux, neosr and KAIR. For
    BasicSR and traiNNer-redux it adds configurations for models that make LR from HR while they train.

    \b
    Example:
      gsdd expand ost.gsdd -o ost_pairs/
    """
    from gsdd.pairs.expand import expand as run

    with printer.progress() as monitor:
        report = run(files, output, dry_run=dry_run, monitor=monitor, **options)
    configurations = [f"\n=== {name} ===\n{text.rstrip()}" for name, text in report.trainers.items()]
    text = "\n".join([_summary(report, dry_run), *configurations])
    printer.show({**report.to_dict(), "dry_run": dry_run}, text, report.folder)


def _summary(report: "ExpandReport", dry_run: bool) -> str:
    written = "to write" if dry_run else "written"
    low = [report.hr_size // scale for scale in report.scales]
    sizes = f"HR {report.hr_size}x{report.hr_size}, LR {', '.join(f'{side}x{side}' for side in low)}"
    return (
        f"{report.folder}: {report.pairs} pairs ({report.written} {written}, {report.kept} kept), "
        f"{sizes}, {report.image_format}"
    )
