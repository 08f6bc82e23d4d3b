"""`gsdd train`: an SR student from pairs."""

from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import click

from gsdd.cli.options import (
    GENERATOR,
    OUTPUT,
    Command,
    bad_image_option,
    checkpoint_option,
    device_option,
    force_option,
    json_option,
    print_json,
    quiet_option,
)
from gsdd.cli.progress import StageBars
from gsdd.cli.signals import StopOnSignal
from gsdd.students.named import students
from gsdd.students.recipe import TrainingRecipe

WEIGHTS = click.Path(exists=True, dir_okay=False, path_type=Path)


def recipe_options(command: Command) -> Command:
    """Add one option a field of `TrainingRecipe`."""
    for entry in reversed(fields(TrainingRecipe)):
        choices = tuple(students()) if entry.name == "student" else get_args(entry.type)
        kind = click.Choice(choices) if choices else entry.type
        name = "--" + entry.name.replace("_", "-")
        shown = f"{entry.metadata['help']}  [default: {entry.default!r}]"
        command = click.option(name, entry.name, type=kind, default=None, help=shown)(command)
    return command


@click.command()
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=OUTPUT, required=True, help="The model to write, a .safetensors file.")
@recipe_options
@click.option("--subset", type=click.IntRange(min=1), help="Of a folder: so many random HR crops, not whole photos.")
@click.option(
    "--subset-size", type=click.IntRange(min=1), default=128, show_default=True, help="Side of such a crop in pixels."
)
@click.option("--validation", type=click.Path(path_type=Path), help="Folder of photos to measure PSNR-Y on.")
@click.option(
    "--validate-every", type=click.IntRange(min=1), default=200, show_default=True, help="Steps between validations."
)
@click.option("--generator", type=GENERATOR, help="Of a .gsdd file.  [default: the one that the file names]")
@click.option("--force-generator", is_flag=True, help="Take weights that the file was not made with.")
@click.option("--cache", type=OUTPUT, help="Folder that keeps the decoded pairs of a .gsdd file for the next run.")
@click.option("--perceptual-trunk", type=WEIGHTS, help="torchvision's vgg19.  [default: torchvision's cache]")
@checkpoint_option
@bad_image_option("skip")
@device_option
@force_option
@json_option
@quiet_option
def train(data: Path, output: Path, as_json: bool, quiet: bool, **options: Any) -> None:  # noqa: ANN401
    """Train a super-resolution network on DATA: a .gsdd file, a folder of photos, or the folder of a coreset.

    Beside the model lie a log, as .json, a curve, as .png, and with --validation a folder of pictures. spandrel, and
    what is built on it, opens the model of those architectures that it knows.

    \b
    Example:
      gsdd train ost.gsdd --student small --validation ost_test/ -o student.safetensors
    """
    recipe = TrainingRecipe.from_options({entry.name: options.pop(entry.name) for entry in fields(TrainingRecipe)})
    with StageBars(hidden=quiet) as bars, StopOnSignal() as signals:
        document = _run(data, output, recipe, bars, signals, options)
    if as_json:
        print_json(document)
    elif quiet:
        click.echo(document["path"])
    else:
        click.echo(_line(document))


def _run(
    data: Path, output: Path, recipe: TrainingRecipe, bars: StageBars, signals: StopOnSignal, options: dict[str, Any]
) -> dict[str, Any]:
    from gsdd.students.job import train_file
    from gsdd.students.sources import Reading

    names = ("subset", "subset_size", "generator", "force_generator", "cache", "on_bad_image")
    reading = Reading(**{name: options.pop(name) for name in names})
    report = train_file(
        data, output, recipe, reading=reading, stop=signals.stop, progress=bars.update, note=bars.note, **options
    )
    return report.to_dict()


def _line(document: dict[str, Any]) -> str:
    quality = document["psnr_y"]
    measured = "" if quality is None else f", PSNR-Y {quality:.2f} dB (4 px shaved)"
    return (
        f"{document['path']}: {document['student']}, {document['parameters']:,} parameters, {document['steps']} steps "
        f"on {document['pairs']} pairs{measured}"
    )
