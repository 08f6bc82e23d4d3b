"""`gsdd generators`: list, fetch, show and export the networks that turn latents into images."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gsdd.cli.options import force_option, json_option, note, print_json, quiet_option

MEGABYTE = 1e6
COLUMNS = ("name", "parameters", "scale", "MB", "licence", "weights from", "here")


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def generators(ctx: click.Context, as_json: bool) -> None:
    """The networks that turn latents into images; alone, it lists those that have a name.

    Any other x4 network that spandrel reads can be given by its file: --generator PATH.
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@generators.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the named generators, and whether their weights are here."""
    _list(as_json)


@generators.command()
@click.argument("name")
@quiet_option
def fetch(name: str, quiet: bool) -> None:
    """Download the official weights of generator NAME into the cache and check them."""
    from tqdm import tqdm

    from gsdd.generators.download import fetch as fetch_weights
    from gsdd.generators.named import find_named

    named = find_named(name)
    hidden = quiet or not sys.stderr.isatty()
    with tqdm(total=named.download.bytes, unit="B", unit_scale=True, file=sys.stderr, disable=hidden) as bar:
        click.echo(fetch_weights(named, bar.update))


@generators.command()
@click.argument("generator")
@json_option
def show(generator: str, as_json: bool) -> None:
    """Load GENERATOR, a name or a path, and say what it is."""
    from gsdd.generators.load import load_generator

    loaded = load_generator(generator)
    facts: dict[str, Any] = asdict(loaded.reference) | {
        "bytes": loaded.weights_bytes,
        "files": [str(file) for file in loaded.files],
    }
    if as_json:
        print_json(facts)
        return
    facts["files"] = ", ".join(facts["files"])
    for key, value in facts.items():
        click.echo(f"{key:17} {value:,}" if isinstance(value, int) else f"{key:17} {value}")


@generators.command()
@click.argument("generator")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The .safetensors file to write.")
@force_option
@quiet_option
def export(generator: str, output: Path, force: bool, quiet: bool) -> None:
    """Write the weights of GENERATOR, a name or a path, to a .safetensors file that spandrel reads."""
    from gsdd.generators.export import export as export_weights
    from gsdd.generators.load import load_generator

    loaded = load_generator(generator)
    export_weights(loaded, output, force=force)
    note(f"{loaded.reference.name}: {loaded.reference.parameters:,} parameters, {loaded.fingerprint}", quiet)
    click.echo(output)


def _list(as_json: bool) -> None:
    from gsdd.generators.named import DEFAULT, NAMED
    from gsdd.generators.places import find_weights

    entries = [
        asdict(named) | {"default": named.name == DEFAULT, "weights": _text(find_weights(named))}
        for named in NAMED.values()
    ]
    if as_json:
        print_json({"generators": entries})
        return
    _print_table([COLUMNS, *map(_row, entries)])
    click.echo("* default")


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


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _text(path: Path | None) -> str | None:
    return str(path) if path else None
