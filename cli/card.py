"""`gsdd card`: the card of a data set."""

from pathlib import Path
from typing import Any

import click

from gsdd.cli.options import OUTPUT, PLACE, decoding_options, force_option
from gsdd.cli.printer import Printer, printing
from gsdd.formats.place import Place


@click.command()
@click.argument("file", type=PLACE)
@click.option("-o", "--output", type=OUTPUT, default="README.md", help="The card to write.")
@click.option(
    "--previews", type=click.IntRange(min=0), default=4, help="Pictures, one per class; 0 needs no generator."
)
@decoding_options
@force_option
@printing
def card(file: Place, output: Path, printer: Printer, **options: Any) -> None:  # noqa: ANN401
    """Write the card of FILE for the Hugging Face Hub: facts, classes, licences, how to load it, and a few pictures.

    \b
    Example:
      gsdd card ost.gsdd -o README.md
    """
    from gsdd.inspect.card import card as write

    with printer.progress() as monitor:
        report = write(file, output, monitor=monitor, **options)
    printer.show(report.to_dict(), f"{report.path}, and {len(report.previews)} pictures", report.path)
