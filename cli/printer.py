"""What `--json` and `-q` make of a command's result. Data goes to stdout, all else to stderr."""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from gsdd.cli.options import Command, dry_run_option, force_option
from gsdd.cli.processes import is_first
from gsdd.cli.progress import Progress
from gsdd.cli.streams import show, tell
from gsdd.cli.wording import worded


class Printer:
    """Prints a command's result as the user asked for it.

    Args:
        as_json: one JSON document instead of text.
        quiet: no progress and no notes, and the result alone.
    """

    def __init__(self, as_json: bool, quiet: bool) -> None:
        self.as_json = as_json
        self.quiet = quiet

    def progress(self) -> Progress:
        """Give the monitor of a long job."""
        return Progress(hidden=self.quiet)

    def note(self, text: str | None) -> None:
        """Tell the user something on stderr, if there is something."""
        if text and not self.quiet:
            tell(worded(text))

    def show(self, facts: Mapping[str, Any], text: str, quietly: object = None) -> None:
        """Print a result; of several processes the first does.

        Args:
            facts: of the result, for JSON.
            text: for people.
            quietly: what `-q` leaves of the text; None leaves all.
        """
        if not is_first():
            return
        if self.as_json:
            show(json.dumps(facts, indent=2, allow_nan=False))
        else:
            show(text if quietly is None or not self.quiet else str(quietly))

    def show_written(self, facts: Mapping[str, Any], what: str, dry_run: bool = False) -> None:
        """Print the path of what was written, and on stderr what it is.

        Args:
            facts: of the file; "path" among them.
            what: the file in a few words.
            dry_run: whether it was left unwritten.
        """
        self.show({**facts, "dry_run": dry_run}, str(facts["path"]))
        if not self.as_json:
            self.note(f"{what}{' (not written)' if dry_run else ''}")


def printing(command: Command) -> Command:
    """Add `--json` and `-q`, and call the command with a `printer` that obeys them."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
    @click.option("-q", "--quiet", is_flag=True, help="No progress and no notes; only the result.")
    @functools.wraps(command)
    def called(as_json: bool, quiet: bool, **values: Any) -> Any:  # noqa: ANN401
        return command(printer=Printer(as_json, quiet), **values)

    return called


def writing(command: Command) -> Command:
    """Add what every command has that writes: `--dry-run`, `--force`, and what `printing` adds."""
    return dry_run_option(force_option(printing(command)))


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Lay out rows of equally many cells, in columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
