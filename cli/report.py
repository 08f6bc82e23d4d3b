"""`gsdd report`: what a file is, as a page."""

from pathlib import Path
from typing import Any

import click

from gsdd.cli.options import OUTPUT, PATH, PLACE, decoding_options, force_option
from gsdd.cli.printer import Printer, printing
from gsdd.formats.place import Place


@click.command()
@click.argument("file", type=PLACE)
@click.option("-o", "--output", type=OUTPUT, default="report.html", help="The HTML file to write.")
@click.option(
    "--source",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The photos, to show real crops and to compare with image codecs.",
)
@decoding_options
@click.option("--feature-weights", type=PATH, help="Weights of the feature extractor, if the run was given some.")
@click.option("--per-class", type=click.IntRange(min=1), default=4, help="Latents per class that are shown.")
@force_option
@printing
def report(file: Place, output: Path, printer: Printer, **options: Any) -> None:  # noqa: ANN401
    """Write what is in FILE, what it saves, how it was made and how to train from it, as one page that opens offline.

    With --source, the latents that are shown are inverted again. compress --report does not need that.

    \b
    Example:
      gsdd report ost.gsdd --source ost/ -o report.html
    """
    from gsdd.inspect.report import report as write

    with printer.progress() as monitor:
        written = write(file, output, monitor=monitor, **options)
    text = f"{written.path}, {written.bytes:,} bytes with pictures of {written.pictures} latents"
    printer.show(written.to_dict(), text, written.path)
