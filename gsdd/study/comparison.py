"""The honest comparison: at equal count and at equal bytes, paired by crops and seeds, with an interval."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from gsdd.study.board import EACH_DRAW, Board, Contender, better_of, cell_of, contender, full_row
from gsdd.study.cells import Cell
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.quality import METHODS, baselines, choosing_cells, how_chosen
from gsdd.study.report import DIGITS, NOTHING, StudyReport, Table, mean, number, signed
from gsdd.study.settings import Baseline
from gsdd.study.sources import Source
from gsdd.study.statistics import Difference, paired_difference

# dB that the quality of "seconds to" lies below where the first row ends.
MARGIN = 0.1


def compare_choosing(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells by which the quality of AVIF is chosen."""
    return choosing_cells(plan, [_room]) if "avif" in plan.settings.baselines else ()


def _room(plan: StudyPlan, draw: int) -> Source:
    return _distilled(plan, draw, plan.settings.families[0])


def _distilled(plan: StudyPlan, draw: int, family: str) -> Source:
    changes = {"features.family": family}
    return plan.distilled(plan.settings.main_ipc, draw, plan.settings.main_generator, changes)


def contenders(plan: StudyPlan, results: Results) -> tuple[Contender, ...]:
    """List the rows, in the table's order."""
    settings, ipc, generator = plan.settings, plan.settings.main_ipc, plan.settings.main_generator

    def distilled(family: str) -> Callable[[int], Source]:
        return lambda draw: _distilled(plan, draw, family)

    rows: dict[Baseline, Callable[[], Sequence[Contender]]] = {
        "full": lambda: [full_row(plan)],
        "random": lambda: [contender(plan, lambda draw: plan.random(ipc, draw))],
        "coreset": lambda: [contender(plan, lambda draw: plan.coreset(ipc, draw))],
        "avif": lambda: _stored(plan, results),
        "upscaled": lambda: [contender(plan, lambda draw: plan.upscaled(ipc, draw, generator))],
    }
    return (
        *(row for name, make in rows.items() if name in settings.baselines for row in make()),
        contender(plan, lambda draw: plan.inverted(ipc, draw, generator), ours=True),
        *(contender(plan, distilled(family), ours=True) for family in settings.families),
    )


def _stored(plan: StudyPlan, results: Results) -> list[Contender]:
    """Give AVIF in the bytes of the distilled file: a row a quality, each a baseline for what it was chosen for."""
    rows = []
    for method in METHODS:
        chosen = baselines(plan, results, _room, method)
        for label, row in {row.label: row for row in chosen.values()}.items():
            metrics = tuple(metric for metric, other in chosen.items() if other.label == label)
            rows.append(replace(row, metrics=metrics))
    return rows


def compare_cells(plan: StudyPlan, results: Results) -> tuple[Cell, ...]:
    """List the cells so that a table of part of them is paired: seed by seed, draw by draw, all rows together."""
    rows = contenders(plan, results)
    return tuple(
        cell_of(plan, row, student, draw, seed)
        for seed in plan.settings.seeds
        for draw in plan.settings.draws
        for student in plan.settings.students
        for row in rows
    )


def write_compare(plan: StudyPlan, results: Results) -> StudyReport:
    """Write the comparison: a table of means a student, and a table of differences with their intervals."""
    rows = contenders(plan, results)
    boards = [Board(plan, results, student, rows) for student in plan.settings.students]
    tables = [table for board in boards for table in (means(board), differences_of(board))]
    return StudyReport("Distilled data against baselines", tables, [*_how_compared(plan)])


def _how_compared(plan: StudyPlan) -> Iterator[str]:
    settings = plan.settings
    yield from (
        f"{settings.main_ipc} latents a class, {len(settings.draws)} draws x {len(settings.seeds)} student seeds.",
        "A draw is a seed of the distillation; "
        f"{_begun_from(plan)} Students of one seed begin with the same weights and see batches in the same order.",
        "Interval: Student's t over all pairs. Pairs of one draw share its set, and full data are the same in all "
        "draws, so pairs are not quite independent. The last columns do not rest on that: the mean difference of each "
        "draw, and Student's t over these means alone.",
        "Better and worse: the interval excludes 0; not significant: it holds 0.",
        "Bytes of the .gsdd leave out the generator, which is needed to read it.",
    )
    if settings.curve_every:
        yield (
            f"Seconds to a quality: steps until PSNR-Y on one test photo a class is {MARGIN} dB below where the first "
            f"row ends, times the seconds of a step; looked at every {settings.curve_every} steps, for the first seed."
        )
    if "avif" in settings.baselines:
        yield how_chosen(plan)


def _begun_from(plan: StudyPlan) -> str:
    """Tell which real row has the very crops that latents begin from."""
    crops = plan.settings.distillation_recipe().crops.method
    rows = {
        "random": "random crops",
        **({plan.settings.coreset: "the coreset"} if plan.settings.coreset == crops else {}),
    }
    there = crops in rows and ("random" if crops == "random" else "coreset") in plan.settings.baselines
    return (
        f"{rows[crops]} of a draw are the crops that its latents begin from."
        if there
        else (f"its latents begin from crops chosen by {crops}, which no row has as they are.")
    )


def means(board: Board, title: str = "") -> Table:
    """Tabulate the mean scores of each row, with what it takes.

    Args:
        board: what is known of a student.
        title: what is said before the student's name.
    """
    metrics, rows = board.plan.settings.metrics, board.rows
    goal = _goal(board, rows)
    lines = [
        (row.label, *_size(board, row), *(_mean(board, row, metric) for metric in metrics), *_times(board, row, goal))
        for row in rows
    ]
    reach = f"s to {number(goal, 2)} dB" if goal is not None else "s to a quality"
    head = ("trained on", "images", "bytes", "n", *metrics, "s to read", "s to train", reach)
    return Table(head, lines, f"{title}Student {board.student}: mean (standard deviation) over n trainings")


def _size(board: Board, row: Contender) -> tuple[str, str, str]:
    found = [result for cell in board.cells(row) if (result := board.results.of(cell.trained)) is not None]
    # Full data are one training for all draws.
    count = len(found) if EACH_DRAW not in row.sources else len(found) // len(board.plan.settings.draws)
    return *board.size(row), str(count)


def _mean(board: Board, row: Contender, metric: str) -> str:
    values = board.values(row, metric)
    if EACH_DRAW in row.sources:
        values = {(0, seed): value for (_, seed), value in values.items()}
    middle = mean(values.values())
    if middle is None:
        return NOTHING
    digits = DIGITS.get(metric, 4)
    spread = (sum((v - middle) ** 2 for v in values.values()) / (len(values) - 1)) ** 0.5 if len(values) > 1 else None
    return f"{middle:.{digits + 1}f}" + (f" ({spread:.{digits + 1}f})" if spread is not None else "")


def _times(board: Board, row: Contender, goal: float | None) -> tuple[str, str, str]:
    found = [(cell, result) for cell in board.cells(row) if (result := board.results.of(cell.trained)) is not None]
    read = mean(result["seconds"]["read"] for _, result in found)
    steps = [result["seconds"]["step"] for _, result in found]
    train = mean(step and step * cell.trained.recipe.steps for step, (cell, _) in zip(steps, found, strict=True))
    reached = [_reached(result, goal) for _, result in found if goal is not None and result["curve"]]
    if not reached:
        return number(read, 1), number(train, 1), NOTHING
    known = [each for each in reached if each is not None]
    text = (
        number(mean(known), 1)
        if len(known) == len(reached)
        else f"not in {len(reached) - len(known)} of {len(reached)}"
    )
    return number(read, 1), number(train, 1), text


def _reached(result: Mapping[str, object], goal: float) -> float | None:
    """Say after how many seconds of steps the quality was there at a look."""
    curve, seconds = result["curve"], result["seconds"]
    assert isinstance(curve, list) and isinstance(seconds, dict)
    steps = [point["step"] for point in curve if point["psnr_y"] >= goal]
    return None if not steps or seconds["step"] is None else steps[0] * seconds["step"]


def _goal(board: Board, rows: Sequence[Contender]) -> float | None:
    """Fix the quality: what the first row ends at, on the photos of the curve, less a margin."""
    found = [board.results.of(cell.trained) for cell in board.cells(rows[0])]
    last = mean(result["curve"][-1]["psnr_y"] for result in found if result is not None and result["curve"])
    return None if last is None else last - MARGIN


def differences_of(board: Board, title: str = "") -> Table:
    """Tabulate how our rows differ from the others, pair by pair; arguments as for `means`."""
    rows = board.rows
    lines = [
        line
        for metric in board.plan.settings.metrics
        for ours in rows
        if ours.ours
        for line in _against(board, ours, [row for row in rows if row is not ours], metric)
    ]
    pairs = ("n", "ours - baseline", "95 % interval", "verdict")
    head = ("ours", "baseline", "metric", *pairs, "by draw", "95 % over draws", "over draws")
    return Table(head, lines, f"{title}Student {board.student}: paired differences")


def _against(board: Board, ours: Contender, others: Sequence[Contender], metric: str) -> Iterator[tuple[str, ...]]:
    digits = DIGITS.get(metric, 4) + 1
    for theirs in others:
        if theirs.metrics is not None and metric not in theirs.metrics:
            continue
        found, groups = board.difference(ours, theirs, metric)
        if not found.pairs:
            continue
        over_draws = paired_difference(list(groups.values()), [0.0] * len(groups), better_of(metric))
        draws = ", ".join(signed(gap, digits) for gap in groups.values())
        yield (
            ours.label, theirs.label, metric, str(found.pairs), signed(found.mean, digits),
            interval_text(found, digits), found.verdict, draws, interval_text(over_draws, digits), over_draws.verdict,
        )  # fmt: skip


def interval_text(difference: Difference, digits: int) -> str:
    """Spell the 95 % interval of a difference; a dash where pairs are too few."""
    known = difference.verdict != "too few"
    return f"{difference.low:+.{digits}f} .. {difference.high:+.{digits}f}" if known else NOTHING
