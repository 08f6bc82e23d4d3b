"""Ctrl-C, SIGTERM and a lost terminal as a request to stop at the next step, where there are steps."""

import signal
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopOnSignal:
    """While entered, the first signal makes the next `stop()` true, and a second one ends at once.

    A signal before the first `stop()` ends at once too: nobody would look at the request. A signal that the process was
    started to ignore, as by a shell for a job in the background, stays ignored.
    """

    def __init__(self) -> None:
        self._asked = self._wanted = False

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def stop(self) -> bool:
        """Tell whether a signal has come."""
        self._asked = True
        return self._wanted

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._wanted or not self._asked:
            raise KeyboardInterrupt
        self._wanted = True
