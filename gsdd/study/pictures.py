"""The paper's Figs. 3 and 6: what distilled images look like, and what students made of them restore."""

from collections.abc import Sequence

import numpy as np
import torch

from gsdd.data.crops import grid_crops, read_crops
from gsdd.data.degradation import SCALE, low_resolution, to_float, to_uint8
from gsdd.data.images import read_photo
from gsdd.students.models import find_model
from gsdd.study import plots
from gsdd.study.cells import Cell, Workshop
from gsdd.study.photos import Photos
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.plots import Pixels
from gsdd.study.report import StudyReport, Table
from gsdd.study.score_cell import ScoreCell
from gsdd.study.sources import Source
from gsdd.study.training_cell import check_model

# Photos whose restored squares Fig. 6 shows.
SHOWN = 2


def _latents(plan: StudyPlan, ipc: int) -> Source:
    return plan.distilled(ipc, plan.settings.draws[0], plan.settings.main_generator)


def fig3_cells(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells of Fig. 3: one distillation."""
    return _latents(plan, plan.settings.main_ipc).needs


def write_fig3(plan: StudyPlan, results: Results) -> StudyReport:
    """Draw Fig. 3: a column a class, the distilled image above two crops of its photos."""
    source = _latents(plan, plan.settings.main_ipc)
    names = [each.name for each in plan.train.catalog.classes]
    rows = []
    if results.of(source.needs[0]) is not None:
        rows.append(("distilled", _first_of_each_class(source, results.workshop)))
    originals = [_tiles(plan.train, number, plan.settings.hr_size) for number in range(len(names))]
    rows += [("original", [tiles[turn % len(tiles)] for tiles in originals]) for turn in range(2)]
    picture = plots.draw_grid(rows, names, "Fig. 3: one distilled image a class, and crops of its photos")
    table = Table(("class", "photos"), [(c.name, str(len(c.photos))) for c in plan.train.catalog.classes])
    return StudyReport("Fig. 3: distilled images", [table], pictures={"": picture})


def _first_of_each_class(source: Source, workshop: Workshop) -> list[Pixels]:
    pairs = source.data(workshop).pairs
    return [pairs.hr[pairs.classes.index(name)] for name in dict.fromkeys(pairs.classes)]


def _tiles(photos: Photos, class_index: int, side: int) -> list[Pixels]:
    crops = grid_crops(photos.catalog, class_index, side, limit=2)
    return list(read_crops(photos.catalog, crops, side))


def fig6_cells(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells of Fig. 6: a training for each number of latents a class."""
    return tuple(_fig6(plan, ipc) for ipc in plan.settings.shown_ipc)


def _fig6(plan: StudyPlan, ipc: int) -> ScoreCell:
    return plan.scored(_latents(plan, ipc), plan.settings.students[0], plan.settings.seeds[0])


def write_fig6(plan: StudyPlan, results: Results) -> StudyReport:
    """Draw Fig. 6: a row a number of latents a class, distilled images and restored squares; the photos below."""
    cells = {ipc: _fig6(plan, ipc) for ipc in plan.settings.shown_ipc}
    known = {ipc: cell for ipc, cell in cells.items() if results.of(cell) is not None}
    squares = _squares(plan.test, plan.settings.hr_size)
    rows = [(f"{ipc} a class", _fig6_row(cell, squares, results.workshop)) for ipc, cell in known.items()]
    photos = [square for _, square in squares]
    rows.append(("photos", [np.full_like(photos[0], 255)] * SHOWN + photos))
    heads = ["distilled"] * SHOWN + ["restored"] * SHOWN
    picture = plots.draw_grid(rows, heads, "Fig. 6: distilled and restored images by latents a class")
    metrics = plan.settings.metrics
    lines = [(str(ipc), *results.texts([cell], metrics)) for ipc, cell in cells.items()]
    table = Table(("latents a class", *metrics), lines)
    return StudyReport("Fig. 6: by latents a class", [table], pictures={"": picture})


def _fig6_row(cell: ScoreCell, squares: Sequence[tuple[str, Pixels]], workshop: Workshop) -> list[Pixels]:
    model = find_model(str(check_model(cell.trained, workshop)), device=workshop.device)
    restored = [
        to_uint8(model.of_class(name)(to_float(low_resolution(torch.from_numpy(square)[None], SCALE))))[0].numpy()
        for name, square in squares
    ]
    return _first_of_each_class(cell.trained.source, workshop)[:SHOWN] + restored


def _squares(photos: Photos, side: int) -> list[tuple[str, Pixels]]:
    found = []
    for photo_class in photos.catalog.classes[:SHOWN]:
        pixels = read_photo(photo_class.photos[0].file).pixels
        side = min(side, *(length - length % SCALE for length in pixels.shape[:2]))
        top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
        square = pixels[top : top + side, left : left + side].transpose(2, 0, 1)
        found.append((photo_class.name, np.ascontiguousarray(square)))
    return found
