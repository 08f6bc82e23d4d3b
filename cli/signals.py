"""Ctrl-C, SIGTERM and a lost terminal as a request to stop at the next step, where there are steps."""

import signal
from types import FrameType
from typing import Self

# A lost terminal is SIGHUP on POSIX and SIGBREAK on Windows.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


class StopOnSignal:
    """While entered, the first signal makes the next `stop()` true, and a second one ends at once.

    A signal before the first `stop()` ends at once too: nobody would look at the request. A signal that the process was
    started to ignore, as by a shell for a job in the background, stays ignored.

    Args:
        repeated: whether torchrun passes on what the terminal has sent already, and signals the others when one ends:
            then no later signal ends at once, nor after leaving. torchrun itself kills what does not end.
    """

    def __init__(self, *, repeated: bool = False) -> None:
        self._asked = self._wanted = False
        self._repeated = repeated

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items() if not self._repeated else ():
            signal.signal(number, handler)

    def stop(self) -> bool:
        """Tell whether a signal has come."""
        self._asked = True
        return self._wanted

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if not self._asked:
            raise KeyboardInterrupt
        self._wanted = True
        if not self._repeated:
            # The next is the kernel's: Python would first let the operation under way end, a pass through G.
            for each, handler in self._before.items():
                if handler is not signal.SIG_IGN:
                    signal.signal(each, signal.SIG_DFL)
