"""The rate curve: what a student learns from files of so many bytes."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from gsdd.distill.budget import latents_for
from gsdd.generators.load import load_generator
from gsdd.study.cells import Cell
from gsdd.study.comparison import Board, Contender, contender, differences_of, means
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.plots import draw_lines
from gsdd.study.report import StudyReport, Table, number, score_text
from gsdd.study.sources import Source

FP16 = 2
AVIF = "random crops as AVIF, best quality"


def rows_of(plan: StudyPlan, budget: int) -> tuple[Contender, ...]:
    """List what is compared at a number of bytes.

    Args:
        plan: of the study.
        budget: bytes.

    Returns:
        AVIF at each quality, the best of which counts; inverted and distilled latents. At the largest, before
        them, AVIF that may take the bytes of the generator too.
    """
    settings, generator = plan.settings, plan.settings.main_generator
    ipc, size = latents_for(budget, plan.classes, settings.hr_size), {"storage.target": f"{budget}B"}

    def distilled(draw: int) -> Source:
        return plan.distilled(ipc, draw, generator, {"features.family": settings.families[0], **size})

    def stored(quality: int) -> Callable[[int], Source]:
        return lambda draw: plan.stored(distilled(draw), quality)

    def stored_beside(draw: int) -> Source:
        middle = settings.avif_qualities[len(settings.avif_qualities) // 2]
        return plan.stored(distilled(draw), middle, weights_of(plan))

    return (
        *((contender(plan, stored_beside),) if budget == max(settings.budgets) else ()),
        *(contender(plan, stored(quality), choice=AVIF) for quality in settings.avif_qualities),
        contender(plan, lambda draw: plan.inverted(ipc, draw, generator, size), ours=True),
        contender(plan, distilled, ours=True),
    )


@cache
def _weights(place: str) -> int:
    return FP16 * load_generator(place, device="cpu").reference.parameters


def weights_of(plan: StudyPlan) -> int:
    """Count the bytes that a generator's weights take in fp16."""
    return _weights(list(plan.settings.generators.values())[-1])


def rate_cells(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells, seed by seed and budget by budget, so that a table of part of them is paired."""
    return tuple(
        plan.scored(row.source(draw), student, seed)
        for seed in plan.settings.seeds
        for budget in plan.settings.budgets
        for draw in plan.settings.draws
        for student in plan.settings.students
        for row in rows_of(plan, budget)
    )


def write_rate(plan: StudyPlan, results: Results) -> StudyReport:
    """Write the curve, as a table and as plots, and below it each budget's comparison."""
    boards = {
        (student, budget): Board(plan, results, student, rows_of(plan, budget))
        for student in plan.settings.students
        for budget in plan.settings.budgets
    }
    tables = [_curve(boards)]
    for (_, budget), board in boards.items():
        tables += [means(board, f"{budget:,} bytes. "), differences_of(board, f"{budget:,} bytes. ")]
    pictures = {metric: _plot(boards, metric) for metric in plan.settings.metrics}
    return StudyReport("Student quality against bytes", tables, [*_how_compared(plan)], pictures)


def _curve(boards: Mapping[tuple[str, int], Board]) -> Table:
    metrics = next(iter(boards.values())).plan.settings.metrics
    head = (
        "student",
        "bytes",
        "metric",
        "distilled",
        "inverted",
        "AVIF, its best",
        "which",
        "distilled - AVIF",
        "verdict",
    )
    return Table(head, [_line(board, *key, metric) for key, board in boards.items() for metric in metrics], "The curve")


def _line(board: Board, student: str, budget: int, metric: str) -> tuple[str, ...]:
    baseline, inverted, distilled = _baseline(board), *board.rows[-2:]
    shown = [score_text(board.mean(row, metric), metric) for row in (distilled, inverted)]
    if baseline is None:
        return student, f"{budget:,}", metric, *shown, "-", "-", "-", "too few"
    found, _ = board.difference(distilled, baseline, metric)
    best = score_text(board.mean(baseline, metric), metric)
    return student, f"{budget:,}", metric, *shown, best, baseline.label, number(found.mean, 4), found.verdict


def _baseline(board: Board) -> Contender | None:
    """Choose the file of AVIF: it has one split between count and quality, not one a metric."""
    split = [row for row in board.rows if row.choice == AVIF]
    return next(board.baselines(split, board.plan.settings.metrics[0]), None)


def _plot(boards: Mapping[tuple[str, int], Board], metric: str) -> bytes:
    lines: dict[str, list[tuple[float, float]]] = {}
    for (student, budget), board in boards.items():
        inverted, distilled = board.rows[-2:]
        for name, row in (("distilled", distilled), ("inverted", inverted), ("AVIF", _baseline(board))):
            if row is not None and (value := board.mean(row, metric)) is not None:
                lines.setdefault(f"{name}, {student}", []).append((budget, value))
    return draw_lines(lines, title=f"Student's {metric}", x="bytes", y=metric, log_x=True)


def _how_compared(plan: StudyPlan) -> Iterator[str]:
    settings = plan.settings
    name, weights = settings.main_generator, weights_of(plan)
    yield (
        f"{len(settings.draws)} distillations x {len(settings.seeds)} student seeds at each size; files of "
        "`gsdd.compress` with a target, all their bytes counted but the generator's."
    )
    yield (
        f"Whoever has no {name} needs its weights too, once for all files: {weights:,} bytes in fp16. "
        "The first row of the largest size is what AVIF does with those bytes."
    )
    yield (
        "AVIF takes as many random crops as fit into the bytes of the distilled file, in one picture, at qualities "
        f"{', '.join(map(str, settings.avif_qualities))} (less where no crop fits). In the curve AVIF is the file "
        f"with the best mean {settings.metrics[0]} on the test photos themselves; the tables below have all, and take "
        "the best metric by metric."
    )
    yield "held: the 95 % interval over pairs excludes 0 in favour of distilled; lost: in AVIF's; tie: it holds 0."
