"""`gsdd convert`: the same file in the other container."""

from pathlib import Path
from typing import cast

import click

from gsdd.cli.options import force_option, json_option, note, print_json, quiet_option
from gsdd.formats import container as files

_HDF5_SUFFIXES = (".h5", ".hdf5")


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--container",
    type=click.Choice(list(files.CONTAINERS)),
    help="How the bytes are laid out. Default: hdf5 if TARGET ends in .h5 or .hdf5, else safetensors.",
)
@force_option
@json_option
@quiet_option
def convert(source: Path, target: Path, container: str | None, force: bool, as_json: bool, quiet: bool) -> None:
    """Write SOURCE as TARGET in a container; there and back gives the same bytes.

    \b
    Example:
        gsdd convert ost.gsdd ost.h5
    """
    chosen = container or _container_for(target)
    files.convert(source, target, container=cast(files.ContainerName, chosen), force=force)
    size = target.stat().st_size
    if as_json:
        print_json({"source": str(source), "path": str(target), "container": chosen, "bytes": size})
    else:
        click.echo(str(target))
        note(f"{source} -> {target} ({chosen}, {size:,} bytes)", quiet)


def _container_for(target: Path) -> str:
    return "hdf5" if target.suffix.lower() in _HDF5_SUFFIXES else "safetensors"
