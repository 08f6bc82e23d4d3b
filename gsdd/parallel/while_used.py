"""Settings of the whole process that threads need at overlapping times."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import Lock


class WhileUsed:
    """Changes settings when the first user comes, and puts them back when the last one has gone.

    With a change of its own each thread would put back what another one has set.

    Args:
        change: makes the context in which the settings are changed.
    """

    def __init__(self, change: Callable[[], AbstractContextManager[None]]) -> None:
        self._change, self._lock = change, Lock()
        self._users, self._changed = 0, ExitStack()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have the settings changed within."""
        with self._lock:
            if not self._users:
                self._changed.enter_context(self._change())
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._changed.close()
