"""`gsdd convert`: the same file in the other container."""

from pathlib import Path

import click

from gsdd.cli.options import OUTPUT, PLACE, container_option, generator_option, named_container
from gsdd.cli.printer import Printer, writing
from gsdd.formats import container as files
from gsdd.formats.place import Place


@click.command()
@click.argument("source", type=PLACE)
@click.argument("target", type=OUTPUT)
@container_option
@click.option("--embed-generator", is_flag=True, help="Store the generator's weights in TARGET.")
@generator_option("to store")
@writing
def convert(
    source: Place,
    target: Path,
    container: files.ContainerName | None,
    embed_generator: bool,
    generator: str | None,
    dry_run: bool,
    force: bool,
    printer: Printer,
) -> None:
    """Write SOURCE as TARGET in another container. Converting back gives the same bytes.

    With --embed-generator, TARGET decodes on machines that do not have its generator.

    \b
    Example:
      gsdd convert ost.gsdd ost.h5
    """
    if generator and not embed_generator:
        raise click.UsageError("--generator goes with --embed-generator")
    chosen = container or named_container(target, "safetensors")
    if embed_generator:
        from gsdd.distilled.embed import embed_generator as embed

        size = embed(source, target, generator=generator, container=chosen, force=force, dry_run=dry_run)
    else:
        size = files.convert(source, target, container=chosen, force=force, dry_run=dry_run)
    facts = {"source": str(source), "path": str(target), "container": chosen, "bytes": size}
    printer.show_written(facts, f"{source} -> {target} ({chosen}, {size:,} bytes)", dry_run)
