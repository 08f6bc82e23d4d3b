"""Progress on stderr with rate and time left: a bar on a terminal, now and then a line in a log."""

import sys
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from tqdm import tqdm

from gsdd.cli.options import note

if TYPE_CHECKING:
    from gsdd.plan import Plan

# Seconds between two updates.
TERMINAL_INTERVAL = 0.1
LOG_INTERVAL = 10.0

FACTS = "{n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{images}{postfix}]"
TERMINAL_LINE = "{l_bar}{bar}| " + FACTS
LOG_LINE = "{desc}: " + FACTS


class _Lines:
    """What a bar draws over itself, as lines one below the other."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

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


class StageBars:
    """One bar after the other, a stage of the work each; a bar appears with its stage's first report.

    Args:
        hidden: show nothing; so it is where there is no stderr.

    Attributes:
        images_a_step: for stages whose steps send several images through G.
    """

    def __init__(self, *, hidden: bool = False) -> None:
        self.hidden = hidden or sys.stderr is None
        self.images_a_step: Mapping[str, float] = {}
        self._stage = ""
        self._bar: _Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def update(self, stage: str, done: int, total: int, loss: float | None = None) -> None:
        """Move the bar of a stage.

        Args:
            stage: what is being done.
            done: steps done; the rate counts from those of the first report, so a resumed run shows its own.
            total: steps in all.
            loss: shown beside the bar, where there is one.
        """
        if self._bar is None or stage != self._stage:
            self._close()
            self._stage, self._bar = stage, self._open(stage, done, total)
        if loss is not None:
            self._bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
        self._bar.update(done - self._bar.n)

    def plan(self, work: "Plan") -> None:
        """Learn how many images a step of each stage is.

        Args:
            work: what will be done.
        """
        from gsdd.cost.workload import images_a_step

        self.images_a_step = images_a_step(work)

    def note(self, text: str) -> None:
        """Tell the user a line between two stages.

        Args:
            text: the line.
        """
        self._close()
        self._stage, self._bar = "", None
        note(text, self.hidden)

    def _open(self, stage: str, done: int, total: int) -> _Bar:
        where: dict[str, Any] = {
            "file": sys.stderr,
            "mininterval": TERMINAL_INTERVAL,
            "leave": False,
            "bar_format": TERMINAL_LINE,
        }
        if not self.hidden and not sys.stderr.isatty():
            where = {"file": _Lines(sys.stderr), "mininterval": LOG_INTERVAL, "leave": True, "bar_format": LOG_LINE}
        bar = _Bar(desc=stage, initial=done, total=total, disable=self.hidden, unit="", **where)
        bar.images_a_step = self.images_a_step.get(stage, 0.0)
        return bar

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
