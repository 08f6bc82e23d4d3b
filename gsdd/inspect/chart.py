"""A curve of losses as what an SVG of a page needs: paths and ticks, in its own units."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gsdd.distill.curves import Curve

WIDTH, HEIGHT = 380, 210
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 36
# A curve that falls by so much is drawn on a logarithmic axis.
STEEP = 8
# Of the points, what a running mean takes to each side.
SMOOTHED = 0.03
TICKS = 5


@dataclass(frozen=True)
class Tick:
    """A line of the grid: where it is, and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A curve to be drawn.

    Attributes:
        title: what it is of.
        about: of its axes and its range, in words.
        path: every point; mean: the running mean of them.
        across: ticks of the steps; up: ticks of the loss.
    """

    title: str
    about: str
    path: Markup
    mean: Markup
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM
    top: int = TOP


def chart(title: str, curve: Curve) -> Chart | None:
    """Lay a curve out; None of fewer than two points."""
    points = curve.points
    if len(points) < 2:
        return None
    steps, losses = [float(step) for step, _ in points], [loss for _, loss in points]
    steep = min(losses) > 0 and max(losses) > STEEP * min(losses)
    values = [math.log10(loss) for loss in losses] if steep else losses
    low, high = min(values), max(values)
    x, y = _Axis(steps[0], steps[-1], LEFT, WIDTH - RIGHT), _Axis(low, high, HEIGHT - BOTTOM, TOP)
    places = [x(step) for step in steps]
    up = _powers(low, high) if steep else [(value, f"{value:.3g}") for value in _round(low, high)]
    return Chart(
        title,
        _about(curve, steps, losses, steep),
        _path(places, [y(value) for value in values]),
        _path(places, [y(value) for value in _running_mean(values)]),
        tuple(Tick(x(step), f"{step:,.0f}") for step in _round(steps[0], steps[-1]) if step == int(step)),
        tuple(Tick(y(value), label) for value, label in up),
    )


def _about(curve: Curve, steps: Sequence[float], losses: Sequence[float], steep: bool) -> str:
    began = "" if steps[0] <= curve.every else f"; it begins at step {steps[0]:,.0f}, where the run was continued"
    axis = "logarithmic axis" if steep else "linear axis"
    return f"{losses[0]:.4g} at first, {losses[-1]:.4g} at last; {axis}{began}"


@dataclass(frozen=True)
class _Axis:
    """From values to places."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + share * (self.end - self.start), 1)


def _round(low: float, high: float) -> list[float]:
    """Find some round numbers in a range."""
    if not high > low:
        return [low]
    unit = 10 ** math.floor(math.log10((high - low) / TICKS))
    step = next(unit * factor for factor in (1, 2, 5, 10, 20) if (high - low) / (unit * factor) <= TICKS)
    return [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _powers(low: float, high: float) -> list[tuple[float, str]]:
    """Find 1, 2 and 5 times powers of ten in a range of logarithms, or powers alone where these are many."""
    whole = range(math.floor(low), math.ceil(high) + 1)
    factors = (1, 2, 5) if high - low < 2 else (1,)
    found = [factor * 10.0**power for power in whole for factor in factors]
    return [(math.log10(value), f"{value:g}") for value in found if low <= math.log10(value) <= high]


def _running_mean(values: Sequence[float]) -> list[float]:
    reach = int(len(values) * SMOOTHED)
    parts = [values[max(0, k - reach) : k + reach + 1] for k in range(len(values))]
    return [sum(part) / len(part) for part in parts]


def _path(across: Sequence[float], up: Sequence[float]) -> Markup:
    return Markup("M" + "L".join(f"{x:g},{y:g}" for x, y in zip(across, up, strict=True)))
