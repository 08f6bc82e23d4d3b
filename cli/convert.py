"""`gsdd convert`: the same file in the other container."""

from pathlib import Path
from typing import cast

import click

from gsdd.cli.options import OUTPUT, dry_run_option, force_option, json_option, print_written, quiet_option
from gsdd.formats import container as files

_HDF5_SUFFIXES = (".h5", ".hdf5")


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=OUTPUT)
@click.option(
    "--container",
    type=click.Choice(list(files.CONTAINERS)),
    help="How the bytes are laid out. Default: hdf5 if TARGET ends in .h5 or .hdf5, else safetensors.",
)
@dry_run_option
@force_option
@json_option
@quiet_option
def convert(
    source: Path, target: Path, container: str | None, dry_run: bool, force: bool, as_json: bool, quiet: bool
) -> None:
    """Write SOURCE as TARGET in a container; there and back gives the same bytes.

    \b
    Example:
      gsdd convert ost.gsdd ost.h5
    """
    chosen = container or _container_for(target)
    name = cast(files.ContainerName, chosen)
    size = files.convert(source, target, container=name, force=force, dry_run=dry_run)
    facts = {"source": str(source), "path": str(target), "container": chosen, "bytes": size}
    print_written(facts, f"{source} -> {target} ({chosen}, {size:,} bytes)", dry_run, as_json, quiet)


def _container_for(target: Path) -> str:
    return "hdf5" if target.suffix.lower() in _HDF5_SUFFIXES else "safetensors"
