"""`gsdd generators`: list, fetch, show and export the networks that turn latents into images."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gsdd.cli.options import GENERATOR, OUTPUT, dry_run_option
from gsdd.cli.printer import Printer, printing, table, writing
from gsdd.formats.text import shown

MEGABYTE = 1e6
COLUMNS = ("name", "parameters", "scale", "MB", "licence", "weights from", "here")
FILE_COLUMNS = ("known by its file", "architecture", "takes", "weights from")


@click.group(invoke_without_command=True)
@printing
def generators(printer: Printer) -> None:
    """List, show, fetch and export the networks that turn latents into images; without a command, list them.

    Any other SR network of x1 to x8 that spandrel reads can be given by its file: --generator PATH.
    """
    ctx = click.get_current_context()
    given = {"as_json": printer.as_json, "quiet": printer.quiet}
    ctx.default_map = dict.fromkeys(generators.commands, given)
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_command, **given)


@generators.command("list")
@printing
def list_command(printer: Printer) -> None:
    """List the named generators, and whether their weights are on this machine; with -q, only their names.

    Below them are generators from the literature, whose weights you provide: --generator PATH.

    \b
    Example:
      gsdd generators list
    """
    from gsdd.generators.by_file import BY_FILE
    from gsdd.generators.named import DEFAULT, NAMED
    from gsdd.generators.places import find_weights

    entries = [
        asdict(named) | {"default": named.name == DEFAULT, "weights": (path := find_weights(named)) and str(path)}
        for named in NAMED.values()
    ]
    by_file = [(each.name, each.architecture, each.takes, each.home) for each in BY_FILE]
    text = f"{table([COLUMNS, *map(_row, entries)])}\n* default\n\n{table([FILE_COLUMNS, *by_file])}"
    facts = {"generators": entries, "by_file": [asdict(entry) for entry in BY_FILE]}
    printer.show(facts, text, "\n".join(NAMED))


@generators.command()
@click.argument("name", metavar="NAME", type=GENERATOR)
@dry_run_option
@printing
def fetch(name: str, dry_run: bool, printer: Printer) -> None:
    """Download the official weights of generator NAME into the cache and check them.

    \b
    Example:
      gsdd generators fetch realesrgan-x4plus
    """
    from gsdd.generators.download import fetch as fetch_weights
    from gsdd.generators.named import find_named

    named = find_named(name)
    with printer.progress() as monitor:
        path = fetch_weights(named, dry_run=dry_run, monitor=monitor)
    facts = {"generator": named.name, "path": str(path), **asdict(named.download)}
    printer.show_written(facts, f"{named.download.bytes:,} bytes from {named.download.url}", dry_run)


@generators.command()
@click.argument("generator", metavar="GENERATOR", type=GENERATOR)
@printing
def show(generator: str, printer: Printer) -> None:
    """Load GENERATOR, a name or a path, and describe it; with -q, only its fingerprint.

    \b
    Example:
      gsdd generators show 4x_NMKD.safetensors
    """
    from gsdd.generators.load import load_generator

    loaded = load_generator(generator, device="cpu")
    facts: dict[str, Any] = asdict(loaded.reference) | {
        "bytes": loaded.weights_bytes,
        "files": [str(file) for file in loaded.files],
    }
    shown = facts | {"files": ", ".join(facts["files"])}
    lines = [
        f"{name:17} {value:,}" if isinstance(value, int) else f"{name:17} {value}" for name, value in shown.items()
    ]
    printer.show(facts, "\n".join(lines), loaded.fingerprint)


@generators.command()
@click.argument("generator", metavar="GENERATOR", type=GENERATOR)
@click.option("-o", "--output", type=OUTPUT, required=True, help="The .safetensors file to write.")
@writing
def export(generator: str, output: Path, dry_run: bool, force: bool, printer: Printer) -> None:
    """Write the weights of GENERATOR, a name or a path, to a .safetensors file that spandrel reads.

    \b
    Example:
      gsdd generators export realesrgan-x4plus -o x4plus.safetensors
    """
    from gsdd.generators.export import export as export_weights
    from gsdd.generators.load import load_generator

    reference = (loaded := load_generator(generator, device="cpu")).reference
    size = export_weights(loaded, output, force=force, dry_run=dry_run)
    facts = {"generator": reference.name, "path": str(output), "bytes": size, "fingerprint": reference.fingerprint}
    what = f"{shown(reference.name)}, {reference.parameters:,} parameters, {reference.fingerprint}"
    printer.show_written(facts, what, dry_run)


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    return (
        entry["name"] + (" *" if entry["default"] else ""),
        f"{entry['parameters']:,}",
        f"x{entry['scale']}",
        f"{entry['bytes'] / MEGABYTE:.1f}",
        entry["licence"],
        entry["distribution"],
        "yes" if entry["weights"] else "no",
    )
