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
from gsdd.formats.shards import is_index


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=OUTPUT)
@container_option
@click.option("--embed-generator", is_flag=True, help="Put the weights of its generator into TARGET.")
@click.option(
    "--shard-latents",
    type=click.IntRange(1),
    help="Write shards of so many latents beside TARGET, which becomes their index.",
)
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
    shard_latents: int | None,
    generator: str | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write SOURCE as TARGET in a container; there and back gives the same bytes.

    With --embed-generator TARGET opens where its generator is not installed. With --shard-latents TARGET becomes the
    index of shards, each a .gsdd file; where SOURCE is such an index, its shards are joined.

    \b
    Example:
      gsdd convert ost.gsdd ost.h5
    """
    if generator and not embed_generator:
        raise click.UsageError("--generator goes with --embed-generator")
    if shard_latents:
        if embed_generator or container or dry_run:
            raise click.UsageError("--shard-latents goes with none of --embed-generator, --container and --dry-run")
        _split(source, target, shard_latents, force, as_json, quiet)
        return
    chosen = container_for(target, container)
    if is_index(source):
        if embed_generator:
            raise click.UsageError(f"{source} is an index of shards; join them first, then --embed-generator")
        from gsdd.shard_files import join

        size = join(source, target, name=chosen, force=force, dry_run=dry_run)
    elif embed_generator:
        from gsdd.self_contained import embed_generator as embed

        size = embed(source, target, generator=generator, container=chosen, force=force, dry_run=dry_run)
    else:
        size = files.convert(source, target, container=chosen, force=force, dry_run=dry_run)
    facts = {"source": str(source), "path": str(target), "container": chosen, "bytes": size}
    print_written(facts, f"{source} -> {target} ({chosen}, {size:,} bytes)", dry_run, as_json, quiet)


def _split(source: Path, target: Path, most: int, force: bool, as_json: bool, quiet: bool) -> None:
    from gsdd.shard_files import split_file

    index = split_file(source, target, most, force=force)
    facts = {"source": str(source), "path": str(target), "shards": list(index.files), "bytes": sum(index.bytes)}
    text = f"{source} -> {target} ({len(index.files)} shards, {sum(index.bytes):,} bytes)"
    print_written(facts, text, dry_run=False, as_json=as_json, quiet=quiet)
