"""The log of a training: the mean of each term over some steps, and the validations."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

POINTS = 200


class Curve:
    """Means over intervals of steps; where it stands is plain numbers, so a resumed training has the same curve.

    Args:
        steps: of the whole training: it is cut into about `POINTS` intervals.
    """

    def __init__(self, steps: int) -> None:
        self._steps, self._every = steps, max(1, steps // POINTS)
        self.points: list[dict[str, float]] = []
        self.validations: list[dict[str, float]] = []
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, step: int, terms: Mapping[str, Tensor], lr: float) -> dict[str, float]:
        """Take in the terms of a step, from 0, and give their values."""
        # One transfer a step, where the terms lie on a GPU.
        values = torch.stack([term.detach().float() for term in terms.values()]).tolist()
        of_step = dict(zip(terms, values, strict=True))
        for name, value in of_step.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        if (step + 1) % self._every == 0 or step + 1 == self._steps:
            means = {name: total / self._count for name, total in self._sums.items()}
            self.points.append({"step": step + 1, "lr": lr, **means})
            self._sums, self._count = {}, 0
        return of_step

    @property
    def last(self) -> float | None:
        """The newest mean of L1."""
        return self.points[-1]["pixel"] if self.points else None

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, as JSON has it."""
        return {"points": self.points, "validations": self.validations, "sums": self._sums, "count": self._count}

    @staticmethod
    def checked(document: object) -> Mapping[str, Any]:
        """Give back what `to_dict` gave; ValueError where a checkpoint holds something else."""
        kinds = {"points": list, "validations": list, "sums": dict, "count": int}
        if not isinstance(document, dict) or any(type(document.get(name)) is not kind for name, kind in kinds.items()):
            raise ValueError("its curve is none")
        rows = [*document["points"], *document["validations"], document["sums"]]
        if not all(isinstance(row, dict) and all(map(_is_number, row.values())) for row in rows):
            raise ValueError("its curve has values that are not numbers")
        wanted = {"points": {"step", "pixel"}, "validations": {"step", "psnr_y"}}
        if not all(names <= row.keys() for name, names in wanted.items() for row in document[name]):
            raise ValueError("its curve has other points")
        return document

    def load(self, document: Mapping[str, Any]) -> None:
        """Go on from `to_dict()`."""
        self.points, self.validations = [*document["points"]], [*document["validations"]]
        self._sums, self._count = {**document["sums"]}, int(document["count"])


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
