"""`gsdd compress`."""

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import click

from gsdd.cli.options import GENERATOR, OUTPUT, PATH, device_option, force_option, named_container
from gsdd.cli.printer import Printer, printing
from gsdd.cli.processes import is_first
from gsdd.cli.progress import Progress
from gsdd.cli.settings import COMPRESS_OPTIONS, GroupedCommand
from gsdd.configuration import About, configuration
from gsdd.kernels.backend import Backend
from gsdd.recipe import DEFAULT_PRESET, FLAT, PRESETS, Recipe
from gsdd.run.clock import duration

DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
GROUPS = {
    "Which photos": ("--classes", "--scores", "--keep-above", "--drop-duplicates", "--on-bad-image"),
    "What is made": (
        "--output", "--ipc", "--hr-size", "--target", "--codec", "--licence", "--report", "--contact-sheet",
    ),
    "How it is made": (
        "--preset", "--generator", "--inversion-steps", "--iterations", "--seed", "--config", "--set",
    ),
    "How it runs": ("--device", "--time-budget", "--dry-run", "--force"),
    "What is printed": ("--json", "--quiet", "--help"),
}  # fmt: skip
REPLACED = {
    **COMPRESS_OPTIONS.replaced(FLAT),
    "--target-size": "give --target 200KB",
    "--target-bpp": "give --target 0.4bpp",
    "--container": "give --set storage.container=VALUE, or name the output .h5",
    "--backend": "give --set run.backend=VALUE",
    "--checkpoint-seconds": "give --set run.checkpoint_seconds=VALUE",
    "--part": "compress the classes apart, and join the files with gsdd merge",
    "--reduction": "squared distances are summed, as in Eq. 7",
}


@configuration
class Run:
    """How compress runs, which decides nothing of what it makes."""

    backend: Annotated[Backend, About("Triton kernels, or PyTorch (reference); auto takes Triton on a GPU.")] = "auto"
    checkpoint_seconds: Annotated[float, About("Least seconds between two checkpoints.", 0)] = 60.0


@configuration
class Settings(Recipe):
    """All that `--set` and `--config` take."""

    run: Run = Run()

    @property
    def recipe(self) -> Recipe:
        """The part that decides what is made."""
        return Recipe(**{name: value for name, value in vars(self).items() if name != "run"})


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


@click.command(cls=GroupedCommand, groups=GROUPS, replaced=REPLACED)
@click.argument("source", type=PATH)
@click.option("-o", "--output", type=OUTPUT, help="The file to write; .h5 makes it HDF5.  [default: SOURCE.gsdd]")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    default=DEFAULT_PRESET,
    help="Supplies every setting that is not given.",
)
@COMPRESS_OPTIONS.add_to(Recipe(), generator=GENERATOR)
@device_option
@click.option(
    "--time-budget",
    type=Duration(),
    help="Stop and write the file after this time, such as 1h30m; compiling for a GPU comes on top.",
)
@click.option(
    "--report", type=OUTPUT, metavar="HTML", help="Also write the page of gsdd report, with losses and times."
)
@click.option("--contact-sheet", type=OUTPUT, metavar="PNG", help="Also draw real, inverted and distilled images.")
@click.option("--dry-run", is_flag=True, help="Time a few steps; estimate what a run would make and cost.")
@force_option
@printing
def compress(
    source: Path,
    output: Path | None,
    preset: str,
    config: Path | None,
    assignments: tuple[str, ...],
    device: str,
    time_budget: float | None,
    report: Path | None,
    contact_sheet: Path | None,
    dry_run: bool,
    force: bool,
    printer: Printer,
    **options: Any,  # noqa: ANN401
) -> None:
    """Compress SOURCE, a folder with one sub-folder of photos per class, into one .gsdd file.

    \b
    Example:
      gsdd compress ost/ --ipc 100 -o ost.gsdd
    """
    target = output or Path(f"{source.resolve().name}.gsdd")
    base = Settings(**vars(Recipe.preset(preset)))
    given = COMPRESS_OPTIONS.given(base, config, assignments, options)
    settings = base.changed({"storage.container": named_container(target), **given})
    execution = {"force": force, "time_budget": _left_of(time_budget), **vars(settings.run)}
    drawings = {"report": report, "contact_sheet": contact_sheet}
    _check(drawings, source, target, force)
    with printer.progress() as monitor:
        document, trace = _run(source, target, settings.recipe, device, monitor, execution, dry_run)
        if trace:
            document |= _draw(target, trace, drawings, monitor, force)
    written = "" if not dry_run else " (not written)"
    line = f"{document['path']}{written}: {document['latents']} latents, {len(document['classes'])} classes, "
    text = f"{line}{document['bytes']:,} bytes"
    printer.show(document, f"{text}\n{_cost_table(document)}" if dry_run else text, document["path"])


def _left_of(time_budget: float | None) -> float | None:
    """Take off what the imports have taken since the process began."""
    began: float = click.get_current_context().obj or time.monotonic()
    return time_budget and time_budget - (time.monotonic() - began)


def _run(
    source: Path, target: Path, recipe: Recipe, device: str, monitor: Progress, how: dict[str, Any], dry_run: bool
) -> tuple[dict[str, Any], Any]:
    """Run, or estimate the run; return what is printed, and the trace for drawings."""
    from gsdd.parallel.workers import joined, own_device
    from gsdd.run.compress import compress as run
    from gsdd.run.dry_run import dry_run as foresee
    from gsdd.run.execution import Execution

    with joined(own_device(device)) as workers:
        execution = Execution(**how, workers=workers)
        if dry_run:
            return foresee(source, target, recipe=recipe, device=device, monitor=monitor, execution=execution), None
        made = run(source, target, recipe=recipe, device=device, monitor=monitor, execution=execution)
        return made.to_dict(), made.trace


def _check(drawings: Mapping[str, Path | None], source: Path, target: Path, force: bool) -> None:
    """Refuse drawings that could not be written, before the run."""
    if any(drawings.values()):
        from gsdd.inspect.drawings import check_drawings

        check_drawings(**drawings, source=source, file=target, force=force)


def _draw(
    target: Path,
    trace: Any,  # noqa: ANN401 - loads torch
    drawings: Mapping[str, Path | None],
    monitor: Progress,
    force: bool,
) -> dict[str, str]:
    """Draw, in the first of several processes; return the paths that were written, by the name of the option."""
    wanted = {name: path for name, path in drawings.items() if path}
    if wanted and is_first():
        from gsdd.inspect.drawings import draw
        from gsdd.inspect.triptych import Drawing

        how = Drawing(trace=trace, monitor=monitor)
        draw(target, how, **drawings, force=force)
        for name, path in wanted.items():
            monitor.note(f"{name.replace('_', ' ')}: {path}")
    return {name: str(path) for name, path in wanted.items()}


def _cost_table(document: Mapping[str, Any]) -> str:
    """Lay out what a dry run expects: time, memory, and where the run would continue."""
    rows = {
        "time, estimated": _figures(document["seconds"], duration),
        "peak memory, estimated": _figures(document["memory_bytes"], lambda count: f"{count / 1e6:,.0f} MB"),
        "checkpoint": f"continues {document['checkpoint']}" if document["checkpoint"] else "none",
    }
    if document["quicker"]:
        ways = "; ".join(map(_way, document["quicker"]))
        rows["as many latents with"] = f"{ways} (another generator makes other images; quick takes fewer steps)"
    return "\n".join(f"  {name:<24}{value}" for name, value in rows.items())


def _way(way: Mapping[str, Any]) -> str:
    """Tell the options of another way, and how long it takes."""
    options = " ".join(f"--{name} {value}" for name, value in way.items() if name != "seconds")
    return f"{options}: {duration(way['seconds'])}"


def _figures(values: Mapping[str, float], shown: Callable[[float], str]) -> str:
    parts = ", ".join(f"{name} {shown(value)}" for name, value in values.items() if name != "total")
    return f"{shown(values['total'])}: {parts}"
