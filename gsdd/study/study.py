"""The job of `gsdd study`: an experiment's cells are worked out, one by one, and its table and plots written."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from gsdd.data.degradation import SCALE
from gsdd.errors import OutputError, RecipeError
from gsdd.formats.atomic import check_outside
from gsdd.metrics.registry import Files
from gsdd.study.blind import table2_cells, write_table2
from gsdd.study.cells import CELLS, Cell, Workshop, in_order, run_cells
from gsdd.study.comparison import compare_cells, compare_choosing, write_compare
from gsdd.study.figures import fig7_cells, fig8_cells, write_fig7, write_fig8
from gsdd.study.frontier import write_rate
from gsdd.study.photos import Photos, check_apart, split_for_tuning
from gsdd.study.pictures import fig3_cells, fig6_cells, write_fig3, write_fig6
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.rate import rate_cells, rate_choosing
from gsdd.study.report import StudyReport
from gsdd.study.scales import settings_of
from gsdd.study.settings import StudySettings
from gsdd.study.setup_difference import conventions, differences
from gsdd.study.tables import table1_cells, table3_cells, write_table1, write_table3

TUNE = "tune"


@dataclass(frozen=True)
class Experiment:
    """A table or figure.

    Attributes:
        cells: lists its cells; of what was found by those that choose.
        write: makes its report of the results that there are.
        choosing: lists the cells whose results decide which others there are, on held-out training photos.
    """

    cells: Callable[[StudyPlan, Results], tuple[Cell, ...]]
    write: Callable[[StudyPlan, Results], StudyReport]
    choosing: Callable[[StudyPlan], tuple[Cell, ...]] | None = None


def _fixed(
    cells: Callable[[StudyPlan], tuple[Cell, ...]], write: Callable[[StudyPlan, Results], StudyReport]
) -> Experiment:
    return Experiment(lambda plan, results: cells(plan), write)


EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "table1": _fixed(table1_cells, write_table1),
        "table2": _fixed(table2_cells, write_table2),
        "table3": _fixed(table3_cells, write_table3),
        "fig3": _fixed(fig3_cells, write_fig3),
        "fig6": _fixed(fig6_cells, write_fig6),
        "fig7": _fixed(fig7_cells, write_fig7),
        "fig8": _fixed(fig8_cells, write_fig8),
        "compare": Experiment(compare_cells, write_compare, compare_choosing),
        "rate": Experiment(rate_cells, write_rate, rate_choosing),
    }
)


@dataclass(frozen=True)
class StudyOutcome:
    """What a call of `study` left.

    Attributes:
        experiment: its name.
        cells: that the experiment has.
        left: of them that have no result yet.
        files: that were written.
    """

    experiment: str
    cells: int
    left: int
    files: tuple[Path, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the values by name, as JSON has them."""
        return {**vars(self), "files": list(map(str, self.files))}


def study(
    experiment: str,
    train: Path,
    test: Path | None,
    workshop: Workshop,
    *,
    scale: str = "small",
    options: Mapping[str, Any] = MappingProxyType({}),
    tune: bool = False,
    at_most: int | None = None,
    dry_run: bool = False,
    files: Files | None = None,
) -> StudyOutcome:
    """Work out an experiment of the paper, or the comparison, and write its table and plots.

    Every cell's result is a file in the workshop's folder; the same call again works out those that are missing.
    Experiments that share a folder share their cells, and so do processes that work in one at the same time.

    Args:
        experiment: a key of `EXPERIMENTS`.
        train: a folder with one folder of photos a class; it is only read.
        test: a folder of photos to score on; None where `tune` is set.
        workshop: where the cells are worked out.
        scale: "small" or "paper".
        options: fields of `StudySettings` that are otherwise than in the scale.
        tune: score on every fifth of the training photos, which nothing is then made of.
        at_most: cells to work out now; None works out all.
        dry_run: list the cells and write nothing.
        files: weights of metrics that the user has.

    Returns:
        What was written, and how many cells are left.

    Raises:
        RecipeError: settings that make no study, or a photo that would be trained and tested on.
        SourceError: there are no usable photos.
        OutputError: the folder is no study's, or cannot be written.
        Interrupted: the workshop's monitor said so; what is done is kept.
        GsddError: a cell cannot be worked out.
    """
    if experiment not in EXPERIMENTS:
        raise RecipeError(f"`experiment`: got {experiment!r}, wanted one of {', '.join(EXPERIMENTS)}")
    settings = settings_of(experiment, scale, options)
    _check_folder(workshop.folder, train)
    if test is not None:
        check_outside(workshop.folder / CELLS, test)
    with _place_of_split(workshop.folder, dry_run) as place:
        plan = _plan(EXPERIMENTS[experiment], settings, train, test, tune, place, files or Files())
        if dry_run:
            return _listed(experiment, plan, workshop)
    cells, left = _worked_out(EXPERIMENTS[experiment], plan, workshop, at_most)
    results = Results.read(cells, workshop)
    report = EXPERIMENTS[experiment].write(plan, results)
    measured = settings.blind_metrics if experiment == "table2" else settings.metrics
    remarks = [*report.remarks, *differences(plan), *conventions(results, measured)]
    report = replace(report, remarks=remarks)
    return StudyOutcome(experiment, len(in_order(cells)), left, report.write(workshop.folder, experiment))


def _worked_out(
    experiment: Experiment, plan: StudyPlan, workshop: Workshop, at_most: int | None
) -> tuple[tuple[Cell, ...], int]:
    """Work out the cells that choose, then the others; give all, and how many have no result yet."""
    first = experiment.choosing(plan) if experiment.choosing else ()
    before = len(_missing(first, workshop))
    waiting = run_cells(first, workshop, at_most) if first else 0
    cells = (*first, *experiment.cells(plan, Results.read(first, workshop)))
    if waiting:
        return cells, len(_missing(cells, workshop))
    return cells, run_cells(cells, workshop, None if at_most is None else max(0, at_most - before))


def _missing(cells: tuple[Cell, ...], workshop: Workshop) -> list[Cell]:
    return [cell for cell in in_order(cells) if not workshop.result_file(cell).exists()]


def _listed(experiment: str, plan: StudyPlan, workshop: Workshop) -> StudyOutcome:
    found = EXPERIMENTS[experiment]
    first = found.choosing(plan) if found.choosing else ()
    cells = (*first, *found.cells(plan, Results.read(first, workshop)))
    left = _missing(cells, workshop)
    for cell in left:
        workshop.monitor.note(cell.name)
    if found.choosing and _missing(first, workshop):
        workshop.monitor.note(
            "which of AVIF's qualities the test photos judge is known once the first of these are done"
        )
    return StudyOutcome(experiment, len(in_order(cells)), len(left), ())


def _plan(
    experiment: Experiment,
    settings: StudySettings,
    train: Path,
    test: Path | None,
    tune: bool,
    place: Path,
    files: Files,
) -> StudyPlan:
    parts = _photos(train, test, tune, place, settings.hr_size)
    plan = StudyPlan(settings, *_scanned(parts, settings), files, tune)
    check_apart(plan.train, plan.test)
    if experiment.choosing is None or tune:
        return plan
    return replace(plan, tuning=_tuning(settings, train, place, files))


def _tuning(settings: StudySettings, train: Path, place: Path, files: Files) -> StudyPlan | None:
    try:
        held_out = _scanned(split_for_tuning(train, place, settings.hr_size), settings)
    except RecipeError:  # no class has enough photos
        return None
    return StudyPlan(settings, *held_out, files, tuned=True)


def _scanned(parts: tuple[Path, Path], settings: StudySettings) -> tuple[Photos, Photos]:
    return Photos.of(parts[0], settings.hr_size), Photos.of(parts[1], SCALE)


@contextmanager
def _place_of_split(folder: Path, dry_run: bool) -> Iterator[Path]:
    if not dry_run:
        yield folder / TUNE
        return
    with TemporaryDirectory() as place:
        yield Path(place)


def _photos(train: Path, test: Path | None, tune: bool, place: Path, hr_size: int) -> tuple[Path, Path]:
    if tune:
        return split_for_tuning(train, place, hr_size)
    if test is None:
        raise RecipeError(
            "study: got no folder of test photos; give one, or `tune=True` for a split of the training photos"
        )
    return train, test


def _check_folder(folder: Path, train: Path) -> None:
    check_outside(folder / CELLS, train)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is no folder; give another `output`")
    strangers = folder.is_dir() and any(entry.name != TUNE for entry in folder.iterdir())
    if strangers and not (folder / CELLS).is_dir():
        raise OutputError(f"{folder}: holds files and is no study's folder; give another `output`")
