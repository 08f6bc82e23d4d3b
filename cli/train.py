"""`gsdd train`: an SR student from pairs."""

from pathlib import Path
from typing import Annotated, Any

import click

from gsdd.cli.options import (
    OUTPUT,
    PATH,
    Name,
    bad_image_option,
    device_option,
    files_argument,
    force_option,
    generator_option,
)
from gsdd.cli.printer import Printer, printing
from gsdd.cli.settings import TRAIN_OPTIONS, GroupedCommand
from gsdd.configuration import About, configuration, settings
from gsdd.formats.place import Place
from gsdd.students.named import students
from gsdd.students.recipe import TrainingRecipe

GROUPS = {
    "What is trained": ("--output", "--student", "--size", "--scale"),
    "What it sees": ("--degradation", "--crop", "--subset", "--validation", "--generator", "--cache", "--on-bad-image"),
    "How it is trained": ("--iterations", "--batch", "--lr", "--seed", "--config", "--set"),
    "How it runs": ("--device", "--force"),
    "What is printed": ("--json", "--quiet", "--help"),
}


@configuration
class Run:
    """What train takes beside its recipe."""

    subset_size: Annotated[int, About("Side of a crop of the subset in pixels.", 1)] = 128
    validate_every: Annotated[int, About("Steps between validations.", 1)] = 200
    force_generator: Annotated[bool, About("Accept weights other than those the file was made with.")] = False
    perceptual_trunk: Annotated[str, About("Path of torchvision's vgg19; empty looks in torchvision's cache.")] = ""
    checkpoint_seconds: Annotated[float, About("Least seconds between two checkpoints.", 0)] = 60.0


@configuration
class Settings(TrainingRecipe):
    """All that `--set` and `--config` take."""

    run: Run = Run()

    @property
    def recipe(self) -> TrainingRecipe:
        """The part that a model records."""
        return TrainingRecipe(**{name: value for name, value in vars(self).items() if name != "run"})


REPLACED = TRAIN_OPTIONS.replaced({each.path.rpartition(".")[2]: each.path for each in settings(Settings())})


@click.command(cls=GroupedCommand, groups=GROUPS, replaced=REPLACED)
@files_argument("data", "DATA...")
@click.option("-o", "--output", type=OUTPUT, required=True, help="The model to write, a .safetensors file.")
@TRAIN_OPTIONS.add_to(TrainingRecipe(), student=Name(list(students())))
@click.option(
    "--subset", type=click.IntRange(min=1), help="Train on this many random HR crops of a folder, not on whole photos."
)
@click.option("--validation", type=PATH, help="Folder of photos to measure PSNR-Y on.")
@generator_option("to decode a .gsdd file with")
@click.option("--cache", type=OUTPUT, help="Folder that keeps decoded pairs for the next run.")
@bad_image_option("skip")
@device_option
@force_option
@printing
def train(
    data: tuple[Place, ...],
    output: Path,
    config: Path | None,
    assignments: tuple[str, ...],
    validation: Path | None,
    device: str,
    force: bool,
    printer: Printer,
    **options: Any,  # noqa: ANN401
) -> None:
    """Train a super-resolution network on DATA: .gsdd files, a folder of photos, or the folder of a coreset.

    A log (.json), a curve (.png) and, with --validation, a folder of pictures are written beside the model. spandrel
    opens the model if it knows the architecture.

    \b
    Example:
      gsdd train ost.gsdd --student small --validation ost_test/ -o student.safetensors
    """
    from gsdd.students.job import train as run
    from gsdd.students.sources import Reading

    chosen = Settings().changed(TRAIN_OPTIONS.given(Settings(), config, assignments, options))
    names = ("subset", "generator", "cache", "on_bad_image")
    reading = Reading(
        **{name: options[name] for name in names},
        subset_size=chosen.run.subset_size,
        force_generator=chosen.run.force_generator,
    )
    with printer.progress() as monitor:
        report = run(
            data[0] if len(data) == 1 else data,
            output,
            recipe=chosen.recipe,
            reading=reading,
            validation=validation,
            validate_every=chosen.run.validate_every,
            perceptual_trunk=chosen.run.perceptual_trunk or None,
            device=device,
            checkpoint_seconds=chosen.run.checkpoint_seconds,
            force=force,
            monitor=monitor,
        )
    document = report.to_dict()
    printer.show(document, _line(document), document["path"])


def _line(document: dict[str, Any]) -> str:
    quality = document["psnr_y"]
    measured = "" if quality is None else f", PSNR-Y {quality:.2f} dB (4 px shaved)"
    return (
        f"{document['path']}: {document['student']}, {document['parameters']:,} parameters, {document['steps']} steps "
        f"on {document['pairs']} pairs{measured}"
    )
