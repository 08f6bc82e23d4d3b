"""`gsdd merge`: several files as one."""

from pathlib import Path
from typing import Any

import click

from gsdd.cli.options import (
    OUTPUT,
    container_for,
    container_option,
    dry_run_option,
    force_option,
    json_option,
    note,
    print_written,
    quiet_option,
)


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=OUTPUT, required=True, help="The file to write.")
@container_option
@dry_run_option
@force_option
@json_option
@quiet_option
def merge(
    files: tuple[Path, ...],
    output: Path,
    container: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Put the latents of each FILE into one file: all parts of a source, or sources with other classes.

    Parts that gsdd compress --part made of one source give, in any order, the file that it makes without --part. Files
    of other sources add their classes behind those of the files before them. No generator is needed.

    \b
    Example:
      gsdd merge ost.gsdd desert.gsdd -o ost2.gsdd
    """
    from gsdd.merger import merge as run

    chosen = container_for(output, container)
    report = run(files, output, container=chosen, **options)
    for line in report.notes:
        note(f"note: {line}", quiet)
    facts = {**report.to_dict(), "container": chosen}
    made = f"{report.latents} latents, {len(report.classes)} classes, {report.bytes:,} bytes"
    print_written(facts, f"{len(files)} files -> {output}: {made}", options["dry_run"], as_json, quiet)
