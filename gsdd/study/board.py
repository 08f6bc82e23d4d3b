"""The rows of a comparison, and what is known of each: scores by draw and seed, and paired differences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gsdd.metrics.registry import find_metrics
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.report import NOTHING, mean, number
from gsdd.study.score_cell import ScoreCell
from gsdd.study.sources import Source
from gsdd.study.statistics import Better, Difference, by_group, paired_difference

# A pair: the number of a draw (of crops and distillation) and of a student's seed.
Key = tuple[int, int]
EACH_DRAW = -1


@dataclass(frozen=True)
class Contender:
    """A row of the comparison.

    Attributes:
        label: what the table calls it.
        sources: one a draw; full data have one for all, under `EACH_DRAW`.
        ours: whether it is compared with the others.
        metrics: those that it is a baseline for; None for all.
    """

    label: str
    sources: Mapping[int, Source]
    ours: bool = False
    metrics: tuple[str, ...] | None = None

    def source(self, draw: int) -> Source:
        """Give what is compared with other sources of a draw."""
        return self.sources[draw] if draw in self.sources else self.sources[EACH_DRAW]


def contender(plan: StudyPlan, make: Callable[[int], Source], *, ours: bool = False) -> Contender:
    """Give a row whose sources are made draw by draw."""
    sources = {draw: make(draw) for draw in plan.settings.draws}
    return Contender(sources[plan.settings.draws[0]].label, sources, ours)


def full_row(plan: StudyPlan) -> Contender:
    """Give full data, which are the same for all draws."""
    return Contender(plan.full().label, {EACH_DRAW: plan.full()})


def cell_of(plan: StudyPlan, row: Contender, student: str, draw: int, seed: int) -> ScoreCell:
    """Give the cell of a row: of a student, a draw and a seed."""
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
        return cell_of(self.plan, row, self.student, *key)

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

    def size(self, row: Contender) -> tuple[str, str]:
        """Spell how many images a row has, and how many bytes; dashes where nothing is known."""
        found = [result for cell in self.cells(row) if (result := self.results.of(cell.trained)) is not None]
        if not found:
            return NOTHING, NOTHING
        images, size = (mean(result[name] for result in found) for name in ("pairs", "bytes"))
        return number(images, 0), f"{size:,.0f}"

    def best(self, rows: Sequence[Contender], metric: str) -> Contender | None:
        """Give the row of the best mean; None where none is known."""
        known = [row for row in rows if self.values(row, metric)]
        sign = 1 if better_of(metric) == "higher" else -1
        return max(known, key=lambda row: sign * (self.mean(row, metric) or 0.0), default=None)


def better_of(metric: str) -> Better:
    """Tell which values of a metric are better."""
    return find_metrics((metric,))[0].better
