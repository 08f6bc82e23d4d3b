"""Streams for people: what a command tells there never ends its work. Only its result, on stdout, must arrive."""

from contextlib import suppress
from typing import TextIO

import click

from gsdd.formats.text import harmless

# A full disk, a terminal or a pipe that is gone, and a stream that was closed.
_FAILURES = (OSError, ValueError)


def tell(text: str | bytes) -> None:
    """Tell people a line on stderr, if that takes it.

    Args:
        text: with no end of line; bytes are written as they are.
    """
    with suppress(*_FAILURES):
        click.echo(harmless(text) if isinstance(text, str) else text, err=True)


def show(text: str) -> None:
    """Print data on stdout; OSError where it does not arrive."""
    click.echo(harmless(text))


class Unfailing:
    """A stream whose failures are passed over.

    Args:
        stream: where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:
        """Of the stream: what a progress bar is drawn with depends on it."""
        return self._stream.encoding

    def fileno(self) -> int:
        """Of the stream: the width of a terminal is asked by it."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return self._stream.isatty()

    def write(self, text: str) -> None:
        """Write, if the stream takes it."""
        with suppress(*_FAILURES):
            self._stream.write(text)

    def flush(self) -> None:
        """Flush, if the stream takes it."""
        with suppress(*_FAILURES):
            self._stream.flush()
