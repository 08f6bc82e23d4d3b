"""The honest comparison: at equal count and at equal bytes, paired by crops and seeds, with an interval."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gsdd.metrics.registry import find_metrics
from gsdd.study.cells import Cell
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.report import DIGITS, NOTHING, StudyReport, Table, mean, number, signed
from gsdd.study.score_cell import ScoreCell
from gsdd.study.sources import Source
from gsdd.study.statistics import Better, Difference, by_group, paired_difference

# A pair: the number of a draw (of crops and distillation) and of a student's seed.
Key = tuple[int, int]
EACH_DRAW = -1
# dB that the quality of "seconds to" lies below where the first row ends.
MARGIN = 0.1


@dataclass(frozen=True)
class Contender:
    """A row of the comparison.

    Attributes:
        label: what the table calls it.
        sources: one a draw; full data have one for all, under `EACH_DRAW`.
        ours: whether it is compared with the others.
        choice: rows of one choice are one baseline, which takes the best of them; empty for one of its own.
    """

    label: str
    sources: Mapping[int, Source]
    ours: bool = False
    choice: str = ""

    def source(self, draw: int) -> Source:
        """Give what is compared with other sources of a draw."""
        return self.sources[draw] if draw in self.sources else self.sources[EACH_DRAW]


def contender(plan: StudyPlan, make: Callable[[int], Source], *, ours: bool = False, choice: str = "") -> Contender:
    """Give a row whose sources are made draw by draw."""
    sources = {draw: make(draw) for draw in plan.settings.draws}
    return Contender(sources[plan.settings.draws[0]].label, sources, ours, choice)


def contenders(plan: StudyPlan) -> tuple[Contender, ...]:
    """List the rows, in the table's order."""
    settings, ipc, generator = plan.settings, plan.settings.main_ipc, plan.settings.main_generator

    def distilled(family: str) -> Callable[[int], Source]:
        return lambda draw: plan.distilled(ipc, draw, generator, {"features.family": family})

    def stored(quality: int) -> Callable[[int], Source]:
        return lambda draw: plan.stored(distilled(settings.families[0])(draw), quality)

    baselines = {
        "full": (Contender(plan.full().label, {EACH_DRAW: plan.full()}),),
        "random": (contender(plan, lambda draw: plan.random(ipc, draw)),),
        "coreset": (contender(plan, lambda draw: plan.coreset(ipc, draw)),),
        "avif": tuple(contender(plan, stored(each), choice="AVIF, equal bytes") for each in settings.avif_qualities),
        "upscaled": (contender(plan, lambda draw: plan.upscaled(ipc, draw, generator)),),
    }
    return (
        *(each for name, rows in baselines.items() if name in settings.baselines for each in rows),
        contender(plan, lambda draw: plan.inverted(ipc, draw, generator), ours=True),
        *(contender(plan, distilled(family), ours=True) for family in settings.families),
    )


def compare_cells(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells so that a table of part of them is paired: seed by seed, draw by draw, all rows together."""
    rows = contenders(plan)
    return tuple(
        _cell(plan, row, student, draw, seed)
        for seed in plan.settings.seeds
        for draw in plan.settings.draws
        for student in plan.settings.students
        for row in rows
    )


def _cell(plan: StudyPlan, row: Contender, student: str, draw: int, seed: int) -> ScoreCell:
    return plan.scored(row.source(draw), student, seed, curve=seed == plan.settings.seeds[0])


@dataclass(frozen=True)
class Board:
    """What is known of a student.

    Attributes:
        plan: of the study.
        results: of its cells.
        student: whose scores are shown.
        rows: that are compared.
    """

    plan: StudyPlan
    results: Results
    student: str
    rows: Sequence[Contender]

    def values(self, row: Contender, metric: str) -> dict[Key, float]:
        """Give the scores of a row by (draw, seed); one on full data counts for every draw."""
        keys = [(draw, seed) for draw in self.plan.settings.draws for seed in self.plan.settings.seeds]
        found = {key: self.results.score(self.cell(row, key), metric) for key in keys}
        return {key: value for key, value in found.items() if value is not None}

    def cell(self, row: Contender, key: Key) -> ScoreCell:
        """Give the training of a row."""
        return _cell(self.plan, row, self.student, *key)

    def cells(self, row: Contender) -> list[ScoreCell]:
        """Give all trainings of a row."""
        return [self.cell(row, (d, s)) for s in self.plan.settings.seeds for d in self.plan.settings.draws]

    def difference(self, ours: Contender, theirs: Contender, metric: str) -> tuple[Difference, dict[int, float]]:
        """Compare two rows over the pairs that both have; also draw by draw."""
        one, other = self.values(ours, metric), self.values(theirs, metric)
        shared = sorted(one.keys() & other.keys())
        found = paired_difference([one[key] for key in shared], [other[key] for key in shared], better_of(metric))
        return found, by_group(one, other)

    def mean(self, row: Contender, metric: str) -> float | None:
        """Average the scores of a row; None where there is none."""
        return mean(self.values(row, metric).values())

    def baselines(self, rows: Sequence[Contender], metric: str) -> Iterator[Contender]:
        """Give the rows to compare with; of one choice the best by its mean on the test photos, in its favour."""
        choices: dict[str, list[Contender]] = {}
        for number_, row in enumerate(rows):
            if self.values(row, metric):
                choices.setdefault(row.choice or f"row {number_}", []).append(row)
        sign = 1 if better_of(metric) == "higher" else -1
        for group in choices.values():
            yield max(group, key=lambda row: sign * (self.mean(row, metric) or 0.0))


def write_compare(plan: StudyPlan, results: Results) -> StudyReport:
    """Write the comparison: a table of means a student, and a table of differences with their intervals."""
    boards = [Board(plan, results, student, contenders(plan)) for student in plan.settings.students]
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
        "held: the interval excludes 0 in our favour; lost: in the baseline's; tie: it holds 0.",
        "Bytes of the .gsdd leave out the generator, which is needed to read it.",
    )
    if settings.curve_every:
        yield (
            f"Seconds to a quality: steps until PSNR-Y on one test photo a class is {MARGIN} dB below where the first "
            f"row ends, times the seconds of a step; looked at every {settings.curve_every} steps, for the first seed."
        )
    if "avif" in settings.baselines:
        yield (
            "Of the AVIF qualities the one counts with the best mean on the test photos themselves, metric by metric."
        )


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


def better_of(metric: str) -> Better:
    """Tell which values of a metric are better."""
    return find_metrics((metric,))[0].better


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
    if not found:
        return NOTHING, NOTHING, "0"
    images, size = (mean(result[name] for result in found) for name in ("pairs", "bytes"))
    # Full data are one training for all draws.
    count = len(found) if EACH_DRAW not in row.sources else len(found) // len(board.plan.settings.draws)
    return number(images, 0), f"{size:,.0f}", str(count)


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
    for theirs in board.baselines(others, metric):
        found, groups = board.difference(ours, theirs, metric)
        if not found.pairs:
            continue
        over_draws = paired_difference(list(groups.values()), [0.0] * len(groups), better_of(metric))
        draws = ", ".join(signed(gap, digits) for gap in groups.values())
        yield (
            ours.label, theirs.label, metric, str(found.pairs), signed(found.mean, digits),
            _interval(found, digits), found.verdict, draws, _interval(over_draws, digits), over_draws.verdict,
        )  # fmt: skip


def _interval(difference: Difference, digits: int) -> str:
    known = difference.verdict != "too few"
    return f"{difference.low:+.{digits}f} .. {difference.high:+.{digits}f}" if known else NOTHING
