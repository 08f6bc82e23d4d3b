"""Options that several commands share."""

import glob
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from gsdd.formats.place import Place, Url, place_of

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]


class GeneratorName(click.ParamType[str]):
    """A named generator or a file of weights; a shell completes both."""

    name = "generator"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Say in a help text what is wanted."""
        return "NAME|PATH"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the names that begin so, and files where none does."""
        from gsdd.generators.named import NAMED

        names = [CompletionItem(name, help=NAMED[name].about) for name in NAMED if name.startswith(incomplete)]
        return names or [CompletionItem(incomplete, type="file")]


class Name(click.Choice[str]):
    """One of too many names to list in a help text."""

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Say in a help text what is wanted."""
        return "NAME"


class OutputPath(click.Path):
    """A file or folder to write; `-`, which elsewhere means stdout, is refused rather than made."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Read a path."""
        if value == "-":
            self.fail("a file appears whole or not at all, which stdout cannot; give a name", param, ctx)
        if isinstance(place := place_of(value), Url):
            self.fail(f"{place} is a URL, which can be read and not written; give a name", param, ctx)
        return super().convert(value, param, ctx)


class ReadPath(click.Path):
    """A file that is read: a path, or a URL, which is kept as it is written."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Tell a URL from a path."""
        place = place_of(value)
        return place if isinstance(place, Url) else super().convert(value, param, ctx)


class Scales(click.ParamType[tuple[int, ...]]):
    """One or several scales, with commas between them."""

    name = "scales"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Say in a help text what is wanted."""
        return "N[,N...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:  # noqa: ANN401
        """Read whole numbers."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"got {value!r}, wanted whole numbers with commas between them, such as 2,4", param, ctx)


GENERATOR = GeneratorName()
OUTPUT = OutputPath(path_type=Path)
PATH = click.Path(path_type=Path)
PLACE = ReadPath(path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Check, say what would be written, and write nothing."
)  # fmt: skip
force_option = click.option("--force", is_flag=True, help="Replace what is already there.")
device_option = click.option(
    "--device", default="auto", help="Where torch computes, such as cuda:1; auto takes a GPU if there is one."
)
checkpoint_option = click.option(
    "--checkpoint-seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    help="Least time between two checkpoints. The same command continues an interrupted run.",
)
container_option = click.option(
    "--container",
    type=click.Choice(["safetensors", "hdf5", "deflated"]),
    help="Layout of the bytes.  [default: hdf5 if the file's name ends in .h5 or .hdf5, else safetensors]",
)


def generator_option(what: str) -> Decorator:
    """Add `--generator` for weights that are the file's own unless given.

    Args:
        what: what they are for, such as "to decode with".
    """
    return click.option("--generator", type=GENERATOR, help=f"Weights {what}, instead of those that the file names.")


def decoding_options(command: Command) -> Command:
    """Add what G is that decodes, and where."""
    forced = click.option(
        "--force-generator", is_flag=True, help="Accept weights other than those the file was made with."
    )  # fmt: skip
    return generator_option("to decode with")(forced(device_option(command)))


def photo_options(command: Command) -> Command:
    """Add which photos are taken, and what their classes are: settings of `Crops`, for a command without recipe."""
    options = [
        click.option(
            "--classes",
            default="auto",
            help="folders, none (one class), clusters:K (K groups of similar photos), or auto.",
        ),
        click.option("--scores", default="", help="Path of a CSV file with a quality score for each photo."),
        click.option("--keep-above", type=float, help="Drop photos whose score is not above this."),
        click.option("--drop-duplicates", is_flag=True, help="Drop photos that look like another one, in any class."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def bad_image_option(default: str) -> Decorator:
    """Add `--on-bad-image`, with the command's own default."""
    return click.option(
        "--on-bad-image",
        type=click.Choice(["skip", "fail"]),
        default=default,
        help="Skip unusable photos and name them, or fail at the first.",
    )


def files_argument(name: str = "files", metavar: str = "FILE...") -> Decorator:
    """Add an argument for several files, URLs or globs, as one set."""
    return click.argument(name, metavar=metavar, nargs=-1, required=True, type=PLACE, callback=_found)


def are_given(names: Iterable[str]) -> bool:
    """Tell whether the user gave any of these parameters of the command that runs."""
    source = click.get_current_context().get_parameter_source
    return any(source(name) is ParameterSource.COMMANDLINE for name in names)


def named_container(target: Path, otherwise: str | None = None) -> Any:  # noqa: ANN401
    """Choose the container that a file's name asks for, if it does."""
    return "hdf5" if target.suffix.lower() in (".h5", ".hdf5") else otherwise


def _found(ctx: click.Context, param: click.Parameter, patterns: tuple[Place, ...]) -> tuple[Place, ...]:
    return tuple(path for pattern in patterns for path in _matches(pattern))


def _matches(pattern: Place) -> Sequence[Place]:
    """List the files that a glob finds; a URL, and a name that exists or finds nothing, is taken as it is."""
    if isinstance(pattern, Url) or pattern.exists():
        return [pattern]
    return sorted(map(Path, glob.glob(str(pattern)))) or [pattern]  # noqa: PTH207 - any absolute path
