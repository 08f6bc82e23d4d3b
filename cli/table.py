"""A table for people: columns as wide as their widest cell."""

from collections.abc import Sequence

import click


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of equally many cells on stdout."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
