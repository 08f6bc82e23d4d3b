"""`gsdd compress`."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import click

from gsdd.cli.options import (
    GENERATOR,
    OUTPUT,
    Command,
    container_for,
    container_option,
    force_option,
    json_option,
    print_json,
    quiet_option,
)
from gsdd.cli.progress import StageBars
from gsdd.cli.signals import StopOnSignal
from gsdd.distill.recipe import DEFAULT_PRESET, PRESETS, Recipe
from gsdd.generators.named import DEFAULT
from gsdd.kernels.backend import BACKENDS

DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class Duration(click.ParamType[float]):
    """A length of time such as 90s, 10m or 1h30m."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Read a duration as seconds."""
        match = DURATION.fullmatch(str(value).strip())
        if not match or not any(match.groups()):
            self.fail(f"got {value!r}, wanted a length of time such as 90s, 10m or 1h30m", param, ctx)
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return float(hours * 3600 + minutes * 60 + seconds)


def recipe_options(command: Command) -> Command:
    """Add one option a field of `Recipe`; unset ones stay as in the preset."""
    for entry in reversed(fields(Recipe)):
        choices = get_args(entry.type)
        kind = click.Choice(choices) if choices else entry.type
        name = "--" + entry.name.replace("_", "-")
        shown = f"{entry.metadata['help']}  [standard: {entry.default!r}]"
        command = click.option(name, entry.name, type=kind, default=None, help=shown)(command)
    return command


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=OUTPUT, help="The file to write.  [default: SOURCE.gsdd]")
@click.option("--ipc", help="Latents a class: 100, or sky=50,animal=200.  [default: quick 5, standard 20, paper 100]")
@click.option("--generator", type=GENERATOR, default=DEFAULT, show_default=True, help="G; see gsdd generators.")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default=DEFAULT_PRESET,
    show_default=True,
    help="What the options below are unless given.",
)
@recipe_options
@container_option
@click.option("--time-budget", type=Duration(), help="Stop cleanly after this long, such as 10m, and write the file.")
@click.option(
    "--checkpoint-seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Least time between two checkpoints. The same command continues an interrupted run.",
)
@click.option(
    "--on-bad-image",
    type=click.Choice(["skip", "fail"]),
    default="skip",
    show_default=True,
    help="Name unusable photos and go on without them, or stop at the first.",
)
@click.option("--licence", default="unknown", show_default=True, help="Licence of the photos, kept in the file.")
@click.option("--device", default="cpu", show_default=True, help="Where torch computes, such as cuda.")
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="auto",
    show_default=True,
    help="Of augmentation, features' means and matching: Triton kernels, or PyTorch; auto takes Triton on a GPU.",
)
@click.option("--dry-run", is_flag=True, help="Look at the photos, say what would be made, write nothing.")
@force_option
@json_option
@quiet_option
def compress(
    source: Path,
    output: Path | None,
    ipc: str | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    time_budget: float | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Compress SOURCE, a folder with one sub-folder of photos a class, into one .gsdd file.

    \b
    Example:
      gsdd compress ost/ --ipc 100 -o ost.gsdd
    """
    from gsdd.data.crops import parse_ipc

    target = output or Path(f"{source.resolve().name}.gsdd")
    options["container"] = container_for(target, options["container"])
    options["ipc"] = None if ipc is None else parse_ipc(ipc)
    with StageBars(hidden=quiet) as bars:
        if dry_run:
            document = _plan(source, target, bars, options)
        else:
            document = _run(source, target, bars, options | {"time_budget": time_budget})
    _print(document, as_json, quiet, dry_run)


def _run(source: Path, target: Path, bars: StageBars, options: dict[str, Any]) -> dict[str, Any]:
    with StopOnSignal() as signals:
        from gsdd.compressor import compress as run

        report = run(source, target, stop=signals.stop, progress=bars.update, note=bars.note, **options)
    return report.to_dict()


def _plan(source: Path, target: Path, bars: StageBars, options: dict[str, Any]) -> dict[str, Any]:
    from gsdd.compressor import check_target
    from gsdd.plan import make_plan

    check_target(target, source, force=options["force"])
    ignored = {"container", "licence", "force", "checkpoint_seconds"}
    work = make_plan(
        source, progress=bars.update, **{name: value for name, value in options.items() if name not in ignored}
    )
    for line in work.decisions:
        bars.note(line)
    return work.to_dict() | {"path": str(target)}


def _print(document: dict[str, Any], as_json: bool, quiet: bool, dry_run: bool) -> None:
    if as_json:
        print_json(document)
    elif quiet:
        click.echo(document["path"])
    else:
        click.echo(
            f"{document['path']}{' (not written)' if dry_run else ''}: {document['latents']} latents, "
            f"{len(document['classes'])} classes, {document['bytes']:,} bytes"
        )
