"""The paper's Figs. 7 and 8: training time against quality, and lambda."""

from collections.abc import Iterator, Sequence

from gsdd.study import paper, plots
from gsdd.study.cells import Cell
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.report import NOTHING, StudyReport, Table, mean, number
from gsdd.study.score_cell import ScoreCell
from gsdd.study.sources import Source
from gsdd.study.tables import of_every_draw


def _groups(plan: StudyPlan) -> Iterator[tuple[str, str, tuple[ScoreCell, ...]]]:
    """Give the trainings of each student on each kind of data: CS, GSDD or TD, as the paper calls them."""
    settings = plan.settings
    generator = settings.main_generator

    def trainings(sources: list[Source], student: str) -> tuple[ScoreCell, ...]:
        return tuple(plan.scored(source, student, seed) for seed in settings.seeds for source in sources)

    for student in settings.students:
        coresets = [plan.coreset(settings.main_ipc, draw) for draw in settings.draws]
        distilled = [plan.distilled(settings.main_ipc, draw, generator) for draw in settings.draws]
        yield student, "CS", trainings(coresets, student)
        yield student, "GSDD", trainings(distilled, student)
        yield student, "TD", trainings([plan.full()], student)


def fig7_cells(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells of Fig. 7."""
    return tuple(cell for _, _, cells in _groups(plan) for cell in cells)


def write_fig7(plan: StudyPlan, results: Results) -> StudyReport:
    """Write Fig. 7: seconds of an iteration, and of reading the data, against quality."""
    metrics = plan.settings.metrics
    rows = [
        (student, kind, number(_seconds(results, cells, "step")), number(_seconds(results, cells, "read"), 2),
         *results.texts(cells, metrics))
        for student, kind, cells in _groups(plan)
    ]  # fmt: skip
    remarks = [
        f"The paper says of its Fig. 7: {paper.FIG7_TEXT}; its values are in no table.",
        "Seconds of a step are medians, data already in memory: a step's work does not depend on how many images there "
        "are to draw from. Where the paper's factor comes from its text does not say.",
    ]
    table = Table(("student", "data", "s a step", "s to read", *metrics), rows, "CS coreset, GSDD distilled, TD total:")
    return StudyReport("Fig. 7: data compression", [table], remarks, {"": _fig7_picture(plan, results)})


def _seconds(results: Results, cells: Sequence[ScoreCell], what: str) -> float | None:
    found = [results.of(cell.trained) for cell in cells]
    return mean(result["seconds"][what] for result in found if result is not None)


def _fig7_picture(plan: StudyPlan, results: Results) -> bytes:
    metric, points = plan.settings.metrics[-1], {}
    for student, kind, cells in _groups(plan):
        seconds, score = _seconds(results, cells, "step"), results.mean(cells, metric)
        if seconds is not None and score is not None:
            points[f"{student}, {kind}"] = [(seconds, score)]
    return plots.draw_lines(points, title="Fig. 7", x="seconds a step", y=metric, joined=False)


def fig8_cells(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells of Fig. 8."""
    return tuple(
        cell for ipc in plan.settings.shown_ipc for lam in plan.settings.lams for cell in _fig8(plan, ipc, lam)
    )


def _fig8(plan: StudyPlan, ipc: int, lam: float) -> tuple[ScoreCell, ...]:
    generator = plan.settings.main_generator
    return of_every_draw(plan, generator, ipc, plan.settings.students[0], {"matching.lam": lam})


def write_fig8(plan: StudyPlan, results: Results) -> StudyReport:
    """Write Fig. 8: a row a number of latents and lambda."""
    metrics = plan.settings.metrics
    rows = [
        (str(ipc), f"{lam:g}", *results.texts(_fig8(plan, ipc, lam), metrics), _paper(ipc, lam))
        for ipc in plan.settings.shown_ipc
        for lam in plan.settings.lams
    ]  # fmt: skip
    remarks = [
        *(f'The paper says of its Fig. 8: "{text}".' for text in paper.FIG8_TEXT),
        "The other values of its plot are in no table.",
    ]
    table = Table(("latents a class", "lambda", *metrics, "paper: LPIPS"), rows)
    pictures = {metric: _fig8_picture(plan, results, metric) for metric in metrics}
    return StudyReport("Fig. 8: lambda and latents a class", [table], remarks, pictures)


def _paper(ipc: int, lam: float) -> str:
    return number(paper.FIG8_LPIPS[lam]) if ipc == 100 and lam in paper.FIG8_LPIPS else NOTHING


def _fig8_picture(plan: StudyPlan, results: Results, metric: str) -> bytes:
    lines = {}
    for ipc in plan.settings.shown_ipc:
        values = [(lam, results.mean(_fig8(plan, ipc, lam), metric)) for lam in plan.settings.lams]
        lines[f"{ipc} a class"] = [(lam, value) for lam, value in values if value is not None]
    known = {name: points for name, points in lines.items() if points}
    return plots.draw_lines(known, title=f"Fig. 8, {metric}", x="lambda", y=metric)
