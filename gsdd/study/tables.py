"""The paper's Tables 1 and 3: scores by latents a class, and across students."""

from collections.abc import Iterator

from gsdd.study import paper, plots
from gsdd.study.cells import Cell
from gsdd.study.plan import NO_CHANGES, Changes, Results, StudyPlan
from gsdd.study.report import NOTHING, StudyReport, Table, number
from gsdd.study.score_cell import ScoreCell

FULL = "FULL"
# The metric of the paper that stands beside one of ours.
BESIDE = {"ssim-y": "SSIM", "lpips": "LPIPS"}
OF_THE_PAPER = {"esrgan": "ESRGAN", "sftgan": "SFTGAN", "best-buddy": "DGAN", "fssr": "FSSR", "realsr": "RealSR",
                "real-esrgan": "Real-ESRGAN", "srresnet": "SRResNet", "swinir": "SwinIR"}  # fmt: skip


def of_every_draw(
    plan: StudyPlan, generator: str, ipc: int, student: str, changes: Changes = NO_CHANGES
) -> tuple[ScoreCell, ...]:
    """List the trainings on distilled sets, by draw and seed; the seeds are interleaved with the draws."""
    return tuple(
        plan.scored(plan.distilled(ipc, draw, generator, changes), student, seed)
        for seed in plan.settings.seeds
        for draw in plan.settings.draws
    )


def on_full_data(plan: StudyPlan, student: str) -> tuple[ScoreCell, ...]:
    """List the trainings on full data, one a seed."""
    return tuple(plan.scored(plan.full(), student, seed) for seed in plan.settings.seeds)


def _table1_columns(plan: StudyPlan, generator: str) -> dict[str, tuple[ScoreCell, ...]]:
    """Give the trainings that each number of a column is the mean of, by the column's head."""
    student = plan.settings.own_students.get(generator, plan.settings.students[0])
    columns = {str(ipc): of_every_draw(plan, generator, ipc, student) for ipc in plan.settings.ipc}
    return {**columns, FULL: on_full_data(plan, student)}


def table1_cells(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells of Table 1: what is cheap and what the others are compared with comes first."""
    columns = [_table1_columns(plan, generator) for generator in plan.settings.generators]
    return tuple(cell for each in columns for cells in (each.pop(FULL), *each.values()) for cell in cells)


def write_table1(plan: StudyPlan, results: Results) -> StudyReport:
    """Write Table 1: a row a generator and metric, a column a number of latents a class."""
    heads = [str(ipc) for ipc in plan.settings.ipc]
    papers = [*paper.TABLE1_IPC[:-1], FULL]
    ours = list(_table1_rows(plan, results))
    theirs = [
        (f"paper: {name}", metric, *(number(values[head]) for head in papers))
        for (name, metric), values in paper.table1().items()
    ]
    tables = [
        Table(("generator", "metric", *heads, FULL), ours, "Ours, by latents a class (mean over draws and seeds):"),
        Table(("generator", "metric", *papers), theirs, "The paper's Table 1:"),
    ]
    return StudyReport("Table 1: latents a class", tables, pictures=_table1_pictures(plan, results))


def _table1_rows(plan: StudyPlan, results: Results) -> Iterator[tuple[str, ...]]:
    for generator in plan.settings.generators:
        columns = _table1_columns(plan, generator).values()
        for metric in plan.settings.metrics:
            yield (generator, metric, *(results.texts(cells, [metric])[0] for cells in columns))


def _table1_pictures(plan: StudyPlan, results: Results) -> dict[str, bytes]:
    pictures = {}
    for metric in plan.settings.metrics:
        lines = {f"{name}": _line(plan, results, name, metric) for name in plan.settings.generators}
        for name in plan.settings.generators:
            if (name, BESIDE.get(metric, "")) in paper.table1():
                row = paper.table1()[(name, BESIDE[metric])]
                lines[f"paper: {name}"] = [(float(ipc), row[ipc]) for ipc in paper.TABLE1_IPC[:-1]]
        drawn = {name: points for name, points in lines.items() if points}
        pictures[metric] = plots.draw_lines(
            drawn, title=f"Table 1, {metric}", x="latents a class", y=metric, log_x=True
        )
    return pictures


def _line(plan: StudyPlan, results: Results, generator: str, metric: str) -> list[tuple[float, float]]:
    columns = _table1_columns(plan, generator)
    values = {head: results.mean(cells, metric) for head, cells in columns.items() if head != FULL}
    return [(float(ipc), value) for ipc, value in values.items() if value is not None]


def table3_cells(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells of Table 3: every student, on the set of the last generator."""
    return tuple(cell for student in plan.settings.students for cell in _table3_row(plan, student))


def _table3_row(plan: StudyPlan, student: str) -> tuple[ScoreCell, ...]:
    return of_every_draw(plan, plan.settings.main_generator, plan.settings.main_ipc, student)


def write_table3(plan: StudyPlan, results: Results) -> StudyReport:
    """Write Table 3: a row a student."""
    metrics = plan.settings.metrics
    ours = [
        (student, *results.texts(_table3_row(plan, student), metrics), *_paper3(student))
        for student in plan.settings.students
    ]
    theirs = [(name, number(row["SSIM"]), number(row["LPIPS"])) for name, row in paper.table3().items()]
    head = ("student", *metrics, "paper: SSIM", "paper: LPIPS")
    tables = [
        Table(head, ours, f"Ours, {plan.settings.main_ipc} latents a class:"),
        Table(paper.TABLE3_HEAD, theirs, "The paper's Table 3, 100 latents a class:"),
    ]
    remarks = [f"All students are trained on what generator {plan.settings.main_generator} gave."]
    return StudyReport("Table 3: across students", tables, remarks)


def _paper3(student: str) -> tuple[str, str]:
    row = paper.table3().get(OF_THE_PAPER.get(student.partition(":")[0], ""))
    return (number(row["SSIM"]), number(row["LPIPS"])) if row else (NOTHING, NOTHING)
