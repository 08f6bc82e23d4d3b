"""Progress on stderr with rate and time left: a bar on a terminal, now and then a line in a log."""

import sys
from collections.abc import MutableMapping
from typing import Any, Self, TextIO

from tqdm import tqdm

from gsdd.cli.processes import is_first, is_one_of_several
from gsdd.cli.signals import StopOnSignal
from gsdd.cli.streams import Unfailing, tell
from gsdd.cli.wording import worded
from gsdd.monitor import Monitor

# Seconds between two updates.
TERMINAL_INTERVAL = 0.1
LOG_INTERVAL = 10.0

FACTS = "{n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{images}{postfix}]"
TERMINAL_LINE = "{l_bar}{bar}| " + FACTS
LOG_LINE = "{desc}: " + FACTS


class _Lines:
    """What a bar draws over itself, as lines one below the other."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = Unfailing(stream)

    def write(self, text: str) -> None:
        if line := text.strip():
            self._stream.write(f"{line}\n")

    def flush(self) -> None:
        self._stream.flush()


class _Bar(tqdm):  # type: ignore[type-arg]  # at run time tqdm takes no parameter
    """A bar that also tells how many images a second its steps are."""

    images_a_step = 0.0

    @property
    def format_dict(self) -> MutableMapping[str, Any]:
        """Give the line's fields; `images` is empty until there is a rate."""
        fields = super().format_dict
        steps_a_second = fields["rate"] or (fields["n"] - fields["initial"]) / (fields["elapsed"] or 1)
        images = steps_a_second * self.images_a_step
        return {**fields, "images": f", {images:.3g} images/s" if images else ""}


class Progress(Monitor):
    """The monitor of every long job of the command line, to be entered while the job runs.

    Shows one bar after the other, a stage of the job each; a bar appears with its stage's first report. Asks jobs to
    stop when a signal has come.

    Args:
        hidden: show nothing; so it is where there is no stderr, and in all processes of a command but the first.
    """

    def __init__(self, *, hidden: bool = False) -> None:
        self.hidden = hidden or sys.stderr is None or not is_first()
        self._signals = StopOnSignal(repeated=is_one_of_several())
        self._stage = ""
        self._bar: _Bar | None = None

    def __enter__(self) -> Self:
        self._signals.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._close()
        self._signals.__exit__(*error)

    def progress(self, stage: str, done: int, total: int, loss: float | None = None, images: float = 0.0) -> None:
        """Move the bar of a stage; its rate counts from the first report, so a resumed run shows its own."""
        if self._bar is None or stage != self._stage:
            self._close()
            self._stage, self._bar = stage, self._open(stage, done, total)
        self._bar.images_a_step = images
        if loss is not None:
            self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
        self._bar.update(done - self._bar.n)

    def note(self, text: str) -> None:
        """Tell the user a line between two stages."""
        self._close()
        if not self.hidden:
            tell(worded(text))

    def should_stop(self) -> bool:
        """Tell whether a signal has come."""
        return self._signals.stop()

    def _open(self, stage: str, done: int, total: int) -> _Bar:
        where: dict[str, Any] = {
            "file": Unfailing(sys.stderr),
            "mininterval": TERMINAL_INTERVAL,
            "leave": False,
            "bar_format": TERMINAL_LINE,
        }
        if not self.hidden and not sys.stderr.isatty():
            where = {"file": _Lines(sys.stderr), "mininterval": LOG_INTERVAL, "leave": True, "bar_format": LOG_LINE}
        return _Bar(desc=stage, initial=done, total=total, disable=self.hidden, unit="", **where)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
