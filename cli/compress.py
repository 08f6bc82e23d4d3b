"""`gsdd compress`."""

import re
import time
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import click

from gsdd.cli.cost_table import cost_table
from gsdd.cli.options import (
    GENERATOR,
    OUTPUT,
    Command,
    bad_image_option,
    checkpoint_option,
    container_for,
    container_option,
    device_option,
    force_option,
    json_option,
    print_json,
    quiet_option,
)
from gsdd.cli.processes import is_first
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
@click.option(
    "-o", "--output", type=OUTPUT, help="The file to write.  [default: SOURCE.gsdd; of a part SOURCE.1-of-3.gsdd]"
)
@click.option(
    "--ipc",
    help="Latents a class: 100, or sky=50,animal=200.  [default: quick 5, standard 20, paper 100; with "
    "--target-size what serves it: about 0.25 bits for each HR pixel]",
)
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
@click.option(
    "--time-budget",
    type=Duration(),
    help="Have the file written this long after the start, such as 10m, with the steps that fit.",
)
@checkpoint_option
@bad_image_option("skip")
@click.option("--part", metavar="I/N", help="Make part 1/3, 2/3 ... alone, of whole classes; gsdd merge joins them.")
@click.option("--licence", default="unknown", show_default=True, help="Licence of the photos, kept in the file.")
@device_option
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="auto",
    show_default=True,
    help="Of augmentation, features' means and matching: Triton kernels, or PyTorch; auto takes Triton on a GPU.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Look at the photos, time a few steps, say what would be made and what it would cost, write nothing.",
)
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

    target = output or _default_target(source, options["part"])
    options["container"] = container_for(target, options["container"], otherwise=None)
    options["ipc"] = None if ipc is None else parse_ipc(ipc)
    with StageBars(hidden=quiet or not is_first()) as bars:
        if dry_run:
            document = _foresee(source, target, bars, options)
        else:
            document = _run(source, target, bars, options | {"time_budget": _left_of(time_budget)})
    if is_first():
        _print(document, as_json, quiet, dry_run)


def _default_target(source: Path, part: str | None) -> Path:
    from gsdd.data.parts import parse_part

    name = source.resolve().name
    if part is None:
        return Path(f"{name}.gsdd")
    dealt = parse_part(part)
    return Path(f"{name}.{dealt.number}-of-{dealt.of}.gsdd")


def _run(source: Path, target: Path, bars: StageBars, options: dict[str, Any]) -> dict[str, Any]:
    from gsdd.distill.workers import joined, own_device, started_by_torchrun

    options["device"] = own_device(options["device"])
    with StopOnSignal(repeated=started_by_torchrun()) as signals, joined(options["device"]) as workers:
        from gsdd.compressor import compress as run

        report = run(
            source, target, stop=signals.stop, workers=workers, planned=bars.plan, progress=bars.update, note=bars.note,
            **options,
        )  # fmt: skip
    return report.to_dict()


def _left_of(time_budget: float | None) -> float | None:
    """Take off what the imports have taken since the process began."""
    began: float = click.get_current_context().obj or time.monotonic()
    return time_budget and time_budget - (time.monotonic() - began)


def _foresee(source: Path, target: Path, bars: StageBars, options: dict[str, Any]) -> dict[str, Any]:
    from gsdd.cost.dry_run import dry_run

    of_the_run = {name: value for name, value in options.items() if name != "checkpoint_seconds"}
    return dry_run(source, target, progress=bars.update, note=bars.note, **of_the_run)


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
        if dry_run:
            click.echo(cost_table(document))
