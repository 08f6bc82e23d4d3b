"""Real crops as AVIF of some bytes, at the quality that serves each metric best: chosen on held-out training photos."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from gsdd.recipe import StartingCrops
from gsdd.study.board import Board, Contender, cell_of, contender
from gsdd.study.cells import Cell
from gsdd.study.plan import CHOSEN_BY, Results, StudyPlan
from gsdd.study.sources import Source

METHODS: tuple[StartingCrops, ...] = ("random", "herding")
NAMES: Mapping[StartingCrops, str] = MappingProxyType({m: f"{word} crops as AVIF" for m, word in CHOSEN_BY.items()})
# The bytes for the crops of a draw, or what has a file of so many.
Room = Callable[[StudyPlan, int], int | Source]


def judging(plan: StudyPlan) -> StudyPlan:
    """Give the plan that qualities are chosen by: held-out photos, one draw, one seed."""
    judge = plan.tuning or plan
    return judge.part(draws=judge.settings.draws[:1], seeds=judge.settings.seeds[:1])


def choosing_cells(plan: StudyPlan, rooms: Iterable[Room]) -> tuple[Cell, ...]:
    """List what must be known before qualities are chosen: herded crops at each, by the first student."""
    judge = judging(plan)
    settings = judge.settings
    return tuple(
        cell_of(judge, row, settings.students[0], settings.draws[0], settings.seeds[0])
        for room in rooms
        for row in stored_rows(judge, room, "herding", settings.avif_qualities)
    )


def stored_rows(plan: StudyPlan, room: Room, method: StartingCrops, qualities: Sequence[int]) -> tuple[Contender, ...]:
    """List crops as AVIF of some bytes, a row a quality."""

    def stored(quality: int) -> Callable[[int], Source]:
        return lambda draw: plan.stored(method, quality, draw, room(plan, draw))

    return tuple(contender(plan, stored(quality)) for quality in qualities)


def chosen_qualities(plan: StudyPlan, results: Results, room: Room) -> dict[str, int]:
    """Choose for each metric the quality at which herded crops are best on the held-out photos.

    Where nothing is known yet, it is the first one.
    """
    judge = judging(plan)
    rows = stored_rows(judge, room, "herding", judge.settings.avif_qualities)
    board = Board(judge, results, judge.settings.students[0], rows)
    best = {metric: board.best(rows, metric) or rows[0] for metric in judge.settings.metrics}
    return {metric: judge.settings.avif_qualities[rows.index(row)] for metric, row in best.items()}


def baselines(plan: StudyPlan, results: Results, room: Room, method: StartingCrops) -> dict[str, Contender]:
    """Give crops as AVIF of some bytes, for each metric at the quality that was chosen for it."""
    qualities = chosen_qualities(plan, results, room)
    rows = {quality: stored_rows(plan, room, method, (quality,))[0] for quality in set(qualities.values())}
    return {metric: rows[quality] for metric, quality in qualities.items()}


def how_chosen(plan: StudyPlan) -> str:
    """Say how the quality was chosen."""
    qualities = ", ".join(map(str, plan.settings.avif_qualities))
    photos = (
        "held-out photos (every fifth of the training photos)"
        if plan.tuning or plan.tuned
        else "the test photos themselves, since no class has enough training photos to hold one out"
    )
    return (
        f"AVIF holds as many crops as fit into the bytes, in one picture, at the quality of {qualities} at which "
        f"herded crops are best for the metric on {photos}, by one seed of the first student."
    )
