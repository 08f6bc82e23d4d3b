"""Options that several commands share, and how they print."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

Command = Callable[..., Any]


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


class OutputPath(click.Path):
    """A file or folder to write; `-`, which elsewhere means stdout, is refused rather than made."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Read a path."""
        if value == "-":
            self.fail("a file appears whole or not at all, which stdout cannot; give a name", param, ctx)
        return super().convert(value, param, ctx)


def container_option(command: Command) -> Command:
    """Add `--container`; see `container_for`."""
    return click.option(
        "--container",
        type=click.Choice(["safetensors", "hdf5", "deflated"]),
        help="How the bytes are laid out.  [default: hdf5 if the file's name ends in .h5 or .hdf5, else safetensors; "
        "deflated where compress has a target]",
    )(command)


def container_for(target: Path, chosen: str | None, otherwise: str | None = "safetensors") -> Any:  # noqa: ANN401
    """Choose a container: what the user says, else what the file's name says, else the usual one."""
    return chosen or ("hdf5" if target.suffix.lower() in (".h5", ".hdf5") else otherwise)


GENERATOR = GeneratorName()
OUTPUT = OutputPath(path_type=Path)


def json_option(command: Command) -> Command:
    """Add `--json`: one JSON document on stdout instead of text."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(command)


def quiet_option(command: Command) -> Command:
    """Add `-q`: no progress, no notes."""
    return click.option("-q", "--quiet", is_flag=True, help="No progress and no notes; only the result.")(command)


def force_option(command: Command) -> Command:
    """Add `--force`: replace what exists."""
    return click.option("--force", is_flag=True, help="Replace what is already there.")(command)


def dry_run_option(command: Command) -> Command:
    """Add `--dry-run`: all checks, and nothing written."""
    return click.option("--dry-run", is_flag=True, help="Check, say what would be written, and write nothing.")(command)


def checkpoint_option(command: Command) -> Command:
    """Add `--checkpoint-seconds` to what can be interrupted."""
    return click.option(
        "--checkpoint-seconds",
        type=click.FloatRange(min=0),
        default=60.0,
        show_default=True,
        help="Least time between two checkpoints. The same command continues an interrupted run.",
    )(command)


def bad_image_option(default: str) -> Callable[[Command], Command]:
    """Add `--on-bad-image`, with the command's own default."""
    return click.option(
        "--on-bad-image",
        type=click.Choice(["skip", "fail"]),
        default=default,
        show_default=True,
        help="Name unusable photos and go on without them, or stop at the first.",
    )


def device_option(command: Command) -> Command:
    """Add `--device`."""
    return click.option("--device", default="cpu", show_default=True, help="Where torch computes, such as cuda.")(
        command
    )


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout, indented, keys in the order given."""
    click.echo(json.dumps(document, indent=2))


def note(text: str, quiet: bool = False) -> None:
    """Tell the user something on stderr, unless `-q` was given."""
    if not quiet:
        click.echo(text, err=True)


def print_written(facts: Mapping[str, Any], what: str, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Print what a command has written: the path alone on stdout, or all facts as JSON.

    Args:
        facts: of the file, by name; "path" among them.
        what: the file in a few words, for people.
        dry_run: whether it was left unwritten.
        as_json: print the facts.
        quiet: say nothing on stderr.
    """
    if as_json:
        print_json({**facts, "dry_run": dry_run})
    else:
        click.echo(facts["path"])
        note(f"{what}{' (not written)' if dry_run else ''}", quiet)
