"""The losses of a run over its steps, and the seconds that these took: for a report, and no part of the result."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Of a curve, about. Nobody sees more in a picture, and a checkpoint stays small.
POINTS = 300


@dataclass
class Curve:
    """The losses of a stage.

    Attributes:
        every: of so many steps one is kept, and the first and the last.
        total: steps that the stage was to make.
        seconds: that its steps took, those of earlier sessions of the run included.
        sums: by step, the sum of the losses of the chunks that made it, and how many these were.
    """

    every: int
    total: int
    seconds: float = 0.0
    sums: dict[int, tuple[float, int]] = field(default_factory=dict)

    @property
    def points(self) -> list[tuple[int, float]]:
        """Give (step, mean loss) in the order of steps."""
        return [(step, total / count) for step, (total, count) in sorted(self.sums.items())]

    def add(self, step: int, loss: float) -> None:
        """Take a loss; one that is not known yet, NaN, is left out."""
        if math.isfinite(loss) and (step == 1 or step % self.every == 0 or step == self.total):
            total, count = self.sums.get(step, (0.0, 0))
            self.sums[step] = total + loss, count + 1

    def to_json(self) -> dict[str, Any]:
        """Give the curve as JSON has it."""
        sums = [[step, *pair] for step, pair in self.sums.items()]
        return {"every": self.every, "total": self.total, "seconds": self.seconds, "sums": sums}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Curve":
        """Read what `to_json` gave; LookupError, TypeError or ValueError if that is no such curve."""
        whole = [said["every"], said["total"], *(number for step, _, count in said["sums"] for number in (step, count))]
        numbers = [said["seconds"], *(loss for _, loss, _ in said["sums"])]
        if any(type(number) is not int or number < 1 for number in whole) or not all(map(math.isfinite, numbers)):
            raise ValueError("no curve of losses")
        return cls(
            said["every"], said["total"], said["seconds"], {step: (loss, count) for step, loss, count in said["sums"]}
        )


class Curves:
    """Hears the losses of a run, stage by stage; of several processes each hears those of its own chunks."""

    def __init__(self) -> None:
        self._of: dict[str, Curve] = {}
        self._moment = time.monotonic()

    def begin(self, said: Mapping[str, Any]) -> None:
        """Go on from what an earlier session heard; the time counts from now.

        Args:
            said: from `to_json`.

        Raises:
            LookupError, TypeError, ValueError: it is nothing of the kind.
        """
        self._of = {str(stage): Curve.of(curve) for stage, curve in said.items()}
        self._moment = time.monotonic()

    def add(self, stage: str, step: int, total: int, loss: float) -> None:
        """Hear of a step.

        Args:
            stage: of the run.
            step: that was made, from 1; steps of several chunks with one number are averaged.
            total: steps that a chunk is to make.
            loss: of the step, or NaN where a device has not told it yet.
        """
        curve = self._of.setdefault(stage, Curve(math.ceil(max(1, total) / POINTS), total))
        now = time.monotonic()
        curve.seconds, self._moment = curve.seconds + now - self._moment, now
        curve.add(step, loss)

    def to_json(self) -> dict[str, Any]:
        """Give what was heard as JSON has it, for a checkpoint."""
        return {stage: curve.to_json() for stage, curve in self._of.items()}

    @property
    def stages(self) -> Mapping[str, Curve]:
        """Give the curves by stage, in the order in which the run made them."""
        return self._of
