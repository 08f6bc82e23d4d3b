"""`gsdd recipe`: every setting of a command, as `--config` takes them."""

from dataclasses import asdict
from textwrap import indent
from typing import Any

import click

from gsdd.cli.compress import Settings
from gsdd.cli.printer import Printer, printing
from gsdd.configuration import settings, to_toml
from gsdd.recipe import DEFAULT_PRESET, PRESETS, Recipe

TRAINING = "training"
# Comments, so that `Recipe.from_toml` reads the file too.
RUN = "\n# Settings of the command itself, not of the recipe:\n# [run]\n"


@click.command()
@click.argument("preset", type=click.Choice([*PRESETS, TRAINING]), default=DEFAULT_PRESET)
@printing
def recipe(preset: str, printer: Printer) -> None:
    """Print all settings of a preset of compress, or those of training, as TOML; with -q, as arguments of --set.

    Edit the file and pass it with --config, or change single settings with --set, such as --set matching.lr=0.002.

    \b
    Example:
      gsdd recipe quick > mine.toml
    """
    every = _of_training() if preset == TRAINING else Settings(**vars(Recipe.preset(preset)))
    lines = [f"{each.path}={each.value}" for each in settings(every) if each.value is not None]
    toml = f"{to_toml(every.recipe)}{RUN}{indent(to_toml(every.run).rstrip(), '# ')}"
    printer.show(asdict(every), toml, "\n".join(lines))


def _of_training() -> Any:  # noqa: ANN401
    from gsdd.cli.train import Settings as TrainSettings  # loads torch

    return TrainSettings()
