"""Options that several commands share, and how they print."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import click

Command = Callable[..., Any]


def json_option(command: Command) -> Command:
    """Add `--json`: one JSON document on stdout instead of text."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(command)


def quiet_option(command: Command) -> Command:
    """Add `-q`: no progress, no notes."""
    return click.option("-q", "--quiet", is_flag=True, help="No progress and no notes; only the result.")(command)


def force_option(command: Command) -> Command:
    """Add `--force`: replace what exists."""
    return click.option("--force", is_flag=True, help="Replace what is already there.")(command)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout, indented, keys in the order given."""
    click.echo(json.dumps(document, indent=2))


def note(text: str, quiet: bool = False) -> None:
    """Tell the user something on stderr, unless `-q` was given."""
    if not quiet:
        click.echo(text, err=True)
