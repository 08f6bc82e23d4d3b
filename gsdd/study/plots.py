"""Lines and grids of images as PNG files; matplotlib is loaded when something is drawn."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gsdd.students.curve_picture import new_figure, to_png

Pixels = NDArray[np.uint8]
Points = Sequence[tuple[float, float]]
INCHES = 1.6
DPI = 120


def draw_lines(
    lines: Mapping[str, Points], *, title: str, x: str, y: str, log_x: bool = False, joined: bool = True
) -> bytes:
    """Draw lines, or points.

    Args:
        lines: points by what the legend calls them; a label that begins with "paper" is drawn dashed.
        title: one line above.
        x: label of the axis.
        y: likewise.
        log_x: whether its scale is logarithmic.
        joined: whether points are joined.

    Returns:
        A PNG file.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure = new_figure((8.0, 4.5), DPI)
    axes = figure.add_subplot(title=title, xlabel=x, ylabel=y, xscale="log" if log_x else "linear")
    for name, points in lines.items():
        style = "none" if not joined else "--" if name.startswith("paper") else "-"
        axes.plot(*zip(*points, strict=True), marker="o", linestyle=style, label=name)
    axes.ticklabel_format(axis="y", useOffset=False)
    if log_x and lines:
        places = sorted({point[0] for points in lines.values() for point in points})
        axes.set_xticks(places, labels=[f"{place:g}" for place in places])
        axes.minorticks_off()
    if lines:
        axes.legend(fontsize="small")
    return to_png(figure)


def draw_grid(rows: Sequence[tuple[str, Sequence[Pixels]]], heads: Sequence[str], title: str) -> bytes:
    """Draw rows of images.

    Args:
        rows: the label of each row, and its images, uint8 RGB `[3, H, W]`.
        heads: what stands above each column.
        title: one line above.

    Returns:
        A PNG file.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    columns = max(len(images) for _, images in rows)
    figure = new_figure((INCHES * columns + 1, INCHES * len(rows) + 0.8), DPI)
    figure.suptitle(title, fontsize="small")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
        axes.set_frame_on(False)
    for line, (label, images) in zip(grid, rows, strict=True):
        line[0].set_ylabel(label, fontsize="small")
        for axes, image in zip(line, images, strict=False):
            axes.imshow(image.transpose(1, 2, 0), interpolation="nearest")
    for axes, head in zip(grid[0], heads, strict=False):
        axes.set_title(head, fontsize="x-small")
    return to_png(figure)
