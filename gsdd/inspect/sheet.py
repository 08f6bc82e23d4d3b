"""Drawing of contact sheets: rows of labelled image tiles on white."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

MARGIN = 36
LABEL_WIDTH = 128
TILE_GAP = 4
GROUP_GAP = 24
ROW_GAP = 14
CAPTION_HEIGHT = 20
HEADING_HEIGHT = 28
MIN_TILE = 128

PAPER = "white"
INK = "#1f2328"
GREY = "#6e7781"
TITLE_SIZE, LABEL_SIZE, TEXT_SIZE, CAPTION_SIZE = 28, 18, 15, 13


@dataclass(frozen=True)
class Tile:
    """An image, uint8 RGB `[3, H, W]`, and the text below it."""

    image: NDArray[np.uint8]
    caption: str


@dataclass(frozen=True)
class Row:
    """Tiles of one class, in groups that are read together, and the text to the left of them."""

    label: str
    detail: str
    groups: tuple[tuple[Tile, ...], ...]


@dataclass(frozen=True)
class _Grid:
    """Where things lie, in pixels.

    Args:
        top: of the first row.
        tile: side of a tile as drawn.
        tiles: in a group.
        groups: in the longest row.
        rows: of tiles.
        caption: height of the text below a tile.
    """

    top: int
    tile: int
    tiles: int
    groups: int
    rows: int
    caption: int

    @property
    def group(self) -> int:
        return self.tiles * (self.tile + TILE_GAP) - TILE_GAP + self.group_gap

    @property
    def group_gap(self) -> int:
        return GROUP_GAP if self.tiles > 1 else 2 * TILE_GAP

    @property
    def size(self) -> tuple[int, int]:
        width = LABEL_WIDTH + self.groups * self.group - self.group_gap
        return width + 2 * MARGIN, self.y(self.rows) - ROW_GAP + MARGIN

    def x(self, group: int, tile: int) -> int:
        return MARGIN + LABEL_WIDTH + group * self.group + tile * (self.tile + TILE_GAP)

    def y(self, row: int) -> int:
        return self.top + row * (self.tile + self.caption + ROW_GAP)


def draw_sheet(title: str, lines: Sequence[str], headings: Sequence[str], rows: Sequence[Row]) -> Image.Image:
    """Draw a sheet.

    Args:
        title: the large line at the top.
        lines: what else is to be said, below it.
        headings: what the tiles of a group are; stands above every group, unless groups are single tiles.
        rows: from top to bottom; every group has a tile for every heading.

    Returns:
        An RGB image; images smaller than 128 pixels are drawn larger by a whole factor, without smoothing.
    """
    grid = _lay_out(len(lines), len(headings), rows)
    sheet = Image.new("RGB", _wide_enough(grid.size, title, lines), PAPER)
    pen = ImageDraw.Draw(sheet)
    _draw_head(pen, title, lines)
    if grid.tiles > 1:
        _draw_headings(pen, grid, headings)
    for number, row in enumerate(rows):
        _draw_row(sheet, pen, grid, number, row)
    return sheet


def _lay_out(lines: int, tiles: int, rows: Sequence[Row]) -> _Grid:
    side = rows[0].groups[0][0].image.shape[-1]
    captions = any(tile.caption for row in rows for group in row.groups for tile in group)
    return _Grid(
        top=_line_y(lines) + (HEADING_HEIGHT if tiles > 1 else 0) + 8,
        tile=side * -(-MIN_TILE // side),
        tiles=tiles,
        groups=max(len(row.groups) for row in rows),
        rows=len(rows),
        caption=CAPTION_HEIGHT if captions else 0,
    )


def _line_y(number: int) -> int:
    return MARGIN - 6 + round(1.5 * TITLE_SIZE) + round(1.5 * TEXT_SIZE) * number


def _wide_enough(size: tuple[int, int], title: str, lines: Sequence[str]) -> tuple[int, int]:
    texts = [_font(TITLE_SIZE).getlength(title), *(_font(TEXT_SIZE).getlength(line) for line in lines)]
    return max(size[0], 2 * MARGIN + round(max(texts))), size[1]


def _draw_head(pen: ImageDraw.ImageDraw, title: str, lines: Sequence[str]) -> None:
    pen.text((MARGIN, MARGIN - 6), title, INK, _font(TITLE_SIZE))
    for number, line in enumerate(lines):
        pen.text((MARGIN, _line_y(number)), line, GREY, _font(TEXT_SIZE))


def _draw_headings(pen: ImageDraw.ImageDraw, grid: _Grid, headings: Sequence[str]) -> None:
    for group in range(grid.groups):
        for tile, heading in enumerate(headings):
            middle = grid.x(group, tile) + grid.tile // 2
            pen.text((middle, grid.top - 8), heading, INK, _font(TEXT_SIZE), anchor="ms")


def _draw_row(sheet: Image.Image, pen: ImageDraw.ImageDraw, grid: _Grid, number: int, row: Row) -> None:
    y = grid.y(number)
    middle = y + grid.tile // 2
    room = LABEL_WIDTH - GROUP_GAP // 2
    pen.text((MARGIN, middle), _fitted(row.label, LABEL_SIZE, room), INK, _font(LABEL_SIZE), anchor="ls")
    pen.text((MARGIN, middle + 20), _fitted(row.detail, CAPTION_SIZE, room), GREY, _font(CAPTION_SIZE), anchor="ls")
    for group, tiles in enumerate(row.groups):
        for position, tile in enumerate(tiles):
            x = grid.x(group, position)
            sheet.paste(_picture(tile.image, grid.tile), (x, y))
            caption = _fitted(tile.caption, CAPTION_SIZE, grid.tile)
            pen.text((x + grid.tile // 2, y + grid.tile + 15), caption, GREY, _font(CAPTION_SIZE), anchor="ms")


def _picture(image: NDArray[np.uint8], side: int) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    return picture.resize((side, side), Image.Resampling.NEAREST)


def _fitted(text: str, size: int, room: int) -> str:
    """Shorten a text to the room in pixels; class and file names can be of any length."""
    line = " ".join(text.split())
    if _font(size).getlength(line) <= room:
        return line
    while line and _font(size).getlength(line + "...") > room:
        line = line[:-1]
    return line + "..."


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
