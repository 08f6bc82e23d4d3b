"""A monitor that keeps what it hears, and stops a job as a test wants."""

from collections.abc import Callable

from gsdd.monitor import Monitor


class Heard(Monitor):
    """Keeps every report and note.

    Args:
        stop: says by how often it was asked whether the job shall stop.
    """

    def __init__(self, stop: Callable[[int], bool] = lambda asked: False) -> None:
        self.stages: list[tuple[str, int, int]] = []
        self.notes: list[str] = []
        self._stop, self._asked = stop, 0

    def progress(self, stage: str, done: int, total: int, loss: float | None = None, images: float = 0.0) -> None:
        self.stages.append((stage, done, total))

    def note(self, text: str) -> None:
        self.notes.append(text)

    @property
    def surprises(self) -> list[str]:
        """The notes, without the one that every run begins with: what classes it has."""
        return [note for note in self.notes if not note.startswith("classes: ")]

    def should_stop(self) -> bool:
        self._asked += 1
        return self._stop(self._asked)
