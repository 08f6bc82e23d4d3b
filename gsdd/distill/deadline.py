"""A wall-clock budget that a run may spend."""

import math
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """A moment after which no further step begins.

    Attributes:
        moment: `time.monotonic()` seconds; infinity never comes.
    """

    moment: float = math.inf

    @classmethod
    def after(cls, seconds: float | None) -> "Deadline":
        """Set a deadline from now; None sets none."""
        return cls() if seconds is None else cls(time.monotonic() + seconds)

    @property
    def is_set(self) -> bool:
        """Tell whether it ever comes."""
        return self.moment != math.inf

    def share(self, fraction: float) -> "Deadline":
        """Return the deadline of work that may use this fraction of what is left; above 1 it is overtime."""
        return Deadline(time.monotonic() + fraction * self.left)

    def earlier(self, seconds: float) -> "Deadline":
        """Return a deadline that comes some seconds before this one."""
        return Deadline(self.moment - seconds)

    @property
    def left(self) -> float:
        """Return the seconds until the moment, negative once it has passed."""
        return self.moment - time.monotonic()

    def passed(self, step_seconds: float = 0.0) -> bool:
        """Return whether a step of that many seconds would end too late."""
        return self.left < step_seconds
