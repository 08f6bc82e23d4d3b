"""Progress on stderr with rate and ETA."""

import sys
from types import TracebackType
from typing import Never, Self

from tqdm import tqdm

# Seconds between two updates: a terminal shows the bar in place, a log file keeps every line.
TERMINAL_INTERVAL = 0.1
LOG_INTERVAL = 10.0


class StageBars:
    """One bar after the other, a stage of the work each; a bar appears with its stage's first report.

    Args:
        hidden: show nothing.
    """

    def __init__(self, *, hidden: bool = False) -> None:
        self.hidden = hidden
        self._stage = ""
        self._bar: tqdm[Never] | None = None

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

    def _open(self, stage: str, done: int, total: int) -> "tqdm[Never]":
        interval = TERMINAL_INTERVAL if sys.stderr.isatty() else LOG_INTERVAL
        return tqdm(
            desc=stage, initial=done, total=total, leave=False, disable=self.hidden, mininterval=interval, unit=""
        )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
