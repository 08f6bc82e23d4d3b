"""`gsdd convert`: the same file in the other container."""

from pathlib import Path

import click

from gsdd.cli.options import (
    GENERATOR,
    OUTPUT,
    container_for,
    container_option,
    dry_run_option,
    force_option,
    json_option,
    print_written,
    quiet_option,
)
from gsdd.formats import container as files


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=OUTPUT)
@container_option
@click.option("--embed-generator", is_flag=True, help="Put the weights of its generator into TARGET.")
@click.option("--generator", type=GENERATOR, help="Weights to put there; default: those that the file names.")
@dry_run_option
@force_option
@json_option
@quiet_option
def convert(
    source: Path,
    target: Path,
    container: str | None,
    embed_generator: bool,
    generator: str | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write SOURCE as TARGET in a container; there and back gives the same bytes.

    With --embed-generator TARGET opens where its generator is not installed.

    \b
    Example:
      gsdd convert ost.gsdd ost.h5
    """
    if generator and not embed_generator:
        raise click.UsageError("--generator goes with --embed-generator")
    chosen = container_for(target, container)
    if embed_generator:
        from gsdd.self_contained import embed_generator as embed

        size = embed(source, target, generator=generator, container=chosen, force=force, dry_run=dry_run)
    else:
        size = files.convert(source, target, container=chosen, force=force, dry_run=dry_run)
    facts = {"source": str(source), "path": str(target), "container": chosen, "bytes": size}
    print_written(facts, f"{source} -> {target} ({chosen}, {size:,} bytes)", dry_run, as_json, quiet)
