"""What steps take, and how that is told."""

import statistics
import time
from itertools import pairwise

from gsdd.monitor import Monitor


class StepClock(Monitor):
    """Takes the time of each step, but for the first, which also compiles, allocates and fills caches."""

    def __init__(self) -> None:
        self._moments: list[float] = []

    def progress(self, stage: str, done: int, total: int, loss: float | None = None, images: float = 0.0) -> None:
        """See `Monitor`."""
        self._moments.append(time.perf_counter())

    @property
    def step(self) -> float:
        """Seconds of a warm step."""
        return statistics.median(after - before for before, after in pairwise(self._moments))


def duration(seconds: float) -> str:
    """Write a length of time for people, such as `1 min 05 s`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
