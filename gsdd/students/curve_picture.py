"""A training's curve as a PNG, and how figures are drawn."""

from collections.abc import Mapping
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

from gsdd.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = (8.0, 4.5)


def is_drawable() -> bool:
    """Tell whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def draw_curve(curve: Mapping[str, Any], title: str) -> bytes:
    """Draw L1 over the steps, and PSNR-Y of the validations on an axis of its own.

    Args:
        curve: from `Curve.to_dict`.
        title: one line above.

    Returns:
        A PNG file.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = new_figure(SIZE)
    losses = figure.add_subplot(title=title, xlabel="step", ylabel="mean absolute error", yscale="log")
    losses.plot(*_series(curve["points"], "pixel"), color="tab:blue", label="L1 on training crops")
    if curve["validations"]:
        scores = losses.twinx()
        scores.set_ylabel("PSNR-Y, 4 px shaved (dB)")
        scores.plot(*_series(curve["validations"], "psnr_y"), "o-", color="tab:red", label="validation")
    figure.legend(loc="outside lower center", ncols=2)
    return to_png(figure)


def new_figure(inches: tuple[float, float], dpi: int = 100) -> "Figure":
    """Give an empty figure of matplotlib; MissingExtraError where that is not installed."""
    if not is_drawable():
        raise MissingExtraError("pictures of curves need matplotlib; pip install matplotlib")
    from matplotlib.figure import Figure

    return Figure(inches, dpi=dpi, layout="constrained")


def to_png(figure: "Figure") -> bytes:
    """Give a figure as a PNG file, the same bytes each time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    file = BytesIO()
    FigureCanvasAgg(figure).print_png(file, metadata={"Software": "gsdd"})
    return file.getvalue()


def _series(points: list[dict[str, float]], name: str) -> tuple[list[float], list[float]]:
    return [point["step"] for point in points], [point[name] for point in points]
