"""`gsdd merge`: several files as one."""

from pathlib import Path

import click

from gsdd.cli.options import OUTPUT, container_option, files_argument, named_container
from gsdd.cli.printer import Printer, writing
from gsdd.formats.container import ContainerName
from gsdd.formats.place import Place


@click.command()
@files_argument()
@click.option("-o", "--output", type=OUTPUT, required=True, help="The file to write.")
@container_option
@writing
def merge(
    files: tuple[Place, ...],
    output: Path,
    container: ContainerName | None,
    dry_run: bool,
    force: bool,
    printer: Printer,
) -> None:
    """Merge FILEs of different classes, but the same generator, HR size and codec, into one.

    The classes of a FILE stand behind those of the files before it. No generator is needed.

    \b
    Example:
      gsdd merge ost.gsdd desert.gsdd -o ost2.gsdd
    """
    from gsdd.distilled.merge import merge as run

    chosen = container or named_container(output, "safetensors")
    report = run(files, output, container=chosen, force=force, dry_run=dry_run)
    for line in report.notes:
        printer.note(f"note: {line}")
    made = f"{report.latents} latents, {len(report.classes)} classes, {report.bytes:,} bytes"
    facts = {**report.to_dict(), "container": chosen}
    printer.show_written(facts, f"{len(files)} files -> {output}: {made}", dry_run)
