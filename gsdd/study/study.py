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
from gsdd.study.comparison import compare_cells, write_compare
from gsdd.study.figures import fig7_cells, fig8_cells, write_fig7, write_fig8
from gsdd.study.photos import Photos, check_apart, split_for_tuning
from gsdd.study.pictures import fig3_cells, fig6_cells, write_fig3, write_fig6
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.rate import rate_cells, write_rate
from gsdd.study.report import StudyReport
from gsdd.study.scales import settings_of
from gsdd.study.setup_difference import conventions, differences
from gsdd.study.tables import table1_cells, table3_cells, write_table1, write_table3

TUNE = "tune"


@dataclass(frozen=True)
class Experiment:
    """A table or figure.

    Attributes:
        cells: lists its cells.
        write: makes its report of the results that there are.
    """

    cells: Callable[[StudyPlan], tuple[Cell, ...]]
    write: Callable[[StudyPlan, Results], StudyReport]


EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "table1": Experiment(table1_cells, write_table1),
        "table2": Experiment(table2_cells, write_table2),
        "table3": Experiment(table3_cells, write_table3),
        "fig3": Experiment(fig3_cells, write_fig3),
        "fig6": Experiment(fig6_cells, write_fig6),
        "fig7": Experiment(fig7_cells, write_fig7),
        "fig8": Experiment(fig8_cells, write_fig8),
        "compare": Experiment(compare_cells, write_compare),
        "rate": Experiment(rate_cells, write_rate),
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
        train_part, test_part = _photos(train, test, tune, place, settings.hr_size)
        parts = Photos.of(train_part, settings.hr_size), Photos.of(test_part, SCALE)
        plan = StudyPlan(settings, *parts, files or Files(), tune)
        check_apart(plan.train, plan.test)
        cells = EXPERIMENTS[experiment].cells(plan)
        if dry_run:
            return _listed(experiment, cells, workshop)
    left = run_cells(cells, workshop, at_most)
    results = Results.read(cells, workshop)
    report = EXPERIMENTS[experiment].write(plan, results)
    measured = settings.blind_metrics if experiment == "table2" else settings.metrics
    remarks = [*report.remarks, *differences(plan), *conventions(results, measured)]
    report = replace(report, remarks=remarks)
    return StudyOutcome(experiment, len(in_order(cells)), left, report.write(workshop.folder, experiment))


def _listed(experiment: str, cells: tuple[Cell, ...], workshop: Workshop) -> StudyOutcome:
    wanted = in_order(cells)
    left = [cell for cell in wanted if not workshop.result_file(cell).exists()]
    for cell in left:
        workshop.monitor.note(cell.name)
    return StudyOutcome(experiment, len(wanted), len(left), ())


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
