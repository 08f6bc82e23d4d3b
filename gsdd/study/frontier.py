"""The report of the frontier: means, ours against AVIF of equal bytes, and bytes until all crops are reached."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from gsdd.study.board import Board, Contender, better_of, full_row
from gsdd.study.comparison import interval_text
from gsdd.study.crossing import crossings
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.plots import draw_lines
from gsdd.study.quality import METHODS, NAMES, baselines, how_chosen
from gsdd.study.rate import our_rows, parts, room_of, rows_of, weights_of
from gsdd.study.report import DIGITS, NOTHING, StudyReport, Table, number, signed
from gsdd.study.statistics import Difference

# How far a student may be behind one of all crops and count as good; of other metrics 0.
AS_GOOD: Mapping[str, float] = MappingProxyType({"psnr-y": -0.05, "psnr-rgb": -0.05})


@dataclass(frozen=True)
class Frontier:
    """What is known, by student and size.

    Attributes:
        plan: of the study.
        results: of its cells.
        boards: by student and bytes.
    """

    plan: StudyPlan
    results: Results
    boards: Mapping[tuple[str, int], Board]

    @classmethod
    def of(cls, plan: StudyPlan, results: Results) -> "Frontier":
        """Gather the rows of each student and size."""
        boards = {
            (student, budget): Board(part, results, student, rows_of(plan, results, budget))
            for (student, budget), part in parts(plan).items()
        }
        return cls(plan, results, boards)

    def curves(self, student: str, metric: str) -> dict[str, list[tuple[int, Board, Contender]]]:
        """Give the rows that are one curve over the sizes; of AVIF, at the quality chosen for the metric."""
        curves: dict[str, list[tuple[int, Board, Contender]]] = {}
        for (who, budget), board in self.boards.items():
            if who == student:
                for name, row in self._named(budget, metric).items():
                    curves.setdefault(name, []).append((budget, board, row))
        return curves

    def baseline(self, budget: int, metric: str) -> Contender:
        """Give the strongest baseline of a size: herded crops as AVIF, at the quality chosen for the metric."""
        return baselines(self.plan, self.results, room_of(budget), "herding")[metric]

    def _named(self, budget: int, metric: str) -> dict[str, Contender]:
        stored = {
            NAMES[method]: baselines(self.plan, self.results, room_of(budget), method)[metric] for method in METHODS
        }
        return {**stored, **our_rows(self.plan, budget)}


def write_rate(plan: StudyPlan, results: Results) -> StudyReport:
    """Write the frontier as tables and as plots."""
    frontier = Frontier.of(plan, results)
    tables = [_means(frontier), _until(frontier), _against(frontier)]
    pictures = {
        f"{student.replace(':', '-')}-{metric}": _plot(frontier, student, metric)
        for student in plan.settings.students
        for metric in plan.settings.metrics
    }
    return StudyReport("Student quality against bytes", tables, [*_how_compared(plan)], pictures)


def _means(frontier: Frontier) -> Table:
    head = (
        "student",
        "bytes",
        "trained on",
        "images",
        "takes",
        "n",
        "metric",
        "mean",
        "minus all crops",
        "95 % interval",
    )
    rows = [
        line
        for (student, budget), board in frontier.boards.items()
        for row in board.rows
        for metric in frontier.plan.settings.metrics
        if (line := _line(board, student, budget, row, metric))
    ]
    return Table(head, rows, "The frontier")


def _line(board: Board, student: str, budget: int, row: Contender, metric: str) -> tuple[str, ...] | None:
    values, digits = board.values(row, metric), DIGITS.get(metric, 4) + 1
    if not values:
        return None
    images, size = board.size(row)
    found, _ = board.difference(row, board.rows[0], metric)
    gap = (signed(found.mean, digits), interval_text(found, digits)) if row is not board.rows[0] else (NOTHING,) * 2
    mean = number(board.mean(row, metric), digits)
    return student, f"{budget:,}", row.label, images, size, str(len(values)), metric, mean, *gap


def _until(frontier: Frontier) -> Table:
    head = ("student", "metric", "as good as all crops", "trained on", "bytes", "interval", "with the generator")
    rows = [
        _crossed(frontier, student, metric, name, curve)
        for student in frontier.plan.settings.students
        for metric in frontier.plan.settings.metrics
        for name, curve in frontier.curves(student, metric).items()
    ]
    return Table(head, rows, "Bytes until a student is as good as one of all crops")


def _crossed(
    frontier: Frontier, student: str, metric: str, name: str, curve: Sequence[tuple[int, Board, Contender]]
) -> tuple[str, ...]:
    level, better = AS_GOOD.get(metric, 0.0), better_of(metric)
    found = [(budget, board.difference(row, board.rows[0], metric)[0]) for budget, board, row in curve]
    middle, touching, surely = crossings([each for each in found if each[1].pairs], level, better)
    more = weights_of(frontier.plan, name.rpartition(", ")[2]) if curve[0][2].ours else 0
    interval = f"{touching.plus(0)} .. {surely.plus(0)}"
    meant = f"at most {-level:g} dB behind" if level else "not behind"
    return student, metric, meant, name, middle.plus(0), interval, middle.plus(more)


def _against(frontier: Frontier) -> Table:
    head = ("student", "bytes", "metric", "ours", "herded AVIF", "n", "ours - AVIF", "95 % interval", "ours is")
    rows = [
        _compared(board, (student, f"{budget:,}", metric), name, ours, frontier.baseline(budget, metric), metric)
        for (student, budget), board in frontier.boards.items()
        for metric in frontier.plan.settings.metrics
        for name, ours in our_rows(frontier.plan, budget).items()
        if board.values(ours, metric)
    ]
    return Table(head, rows, "Ours against herded crops as AVIF of equal bytes, at the quality chosen for the metric")


def _compared(
    board: Board, key: tuple[str, ...], name: str, ours: Contender, theirs: Contender, metric: str
) -> tuple[str, ...]:
    found: Difference = board.difference(ours, theirs, metric)[0]
    digits = DIGITS.get(metric, 4) + 1
    gap = signed(found.mean, digits) if found.pairs else NOTHING
    return *key, name, theirs.label, str(found.pairs), gap, interval_text(found, digits), found.verdict


def _plot(frontier: Frontier, student: str, metric: str) -> bytes:
    lines: dict[str, list[tuple[float, float]]] = {}
    for name, curve in frontier.curves(student, metric).items():
        points = [(float(budget), board.mean(row, metric)) for budget, board, row in curve]
        if known := [(budget, value) for budget, value in points if value is not None]:
            lines[name] = known
    sizes = [budget for who, budget in frontier.boards if who == student]
    board = next(board for (who, _), board in frontier.boards.items() if who == student)
    if (whole := board.mean(full_row(frontier.plan), metric)) is not None:
        lines["all crops"] = [(float(min(sizes)), whole), (float(max(sizes)), whole)]
    return draw_lines(lines, title=f"{student}: {metric} against bytes", x="bytes", y=metric, log_x=True)


def _how_compared(plan: StudyPlan) -> Iterator[str]:
    settings = plan.settings
    yield (
        "Ours are files of `gsdd compress` with a target: all their bytes are counted but the generator's. Whoever has "
        "none of it needs its weights once for all files: "
        + ", ".join(f"{name} {weights_of(plan, name):,} bytes in fp16" for name in settings.generators)
        + "."
    )
    yield f"{how_chosen(plan)} Herded crops are those that our latents begin from, and the next ones of the same order."
    yield (
        "Interval: Student's t over pairs of one seed of the student and one draw. Better and worse: the interval "
        "excludes 0. Bytes until all crops are reached: on a line over the logarithm of the bytes between two sizes; "
        "the interval is from where the better end of the difference's interval comes to the level to where the worse "
        "end does."
    )
