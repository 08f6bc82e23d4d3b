"""The frontier: what a student learns from files of so many bytes, ours and a good codec's."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from gsdd.distill.budget import latents_for
from gsdd.generators.load import load_generator
from gsdd.study.board import Contender, cell_of, contender, full_row
from gsdd.study.cells import Cell
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.quality import METHODS, Room, baselines, choosing_cells
from gsdd.study.sources import Source

FP16 = 2


def room_of(budget: int) -> Room:
    """Give all draws so many bytes."""
    return lambda plan, draw: budget


def rate_choosing(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells by which the quality of AVIF is chosen at each size."""
    return choosing_cells(plan, map(room_of, plan.settings.budgets))


def our_rows(plan: StudyPlan, budget: int) -> dict[str, Contender]:
    """Give inverted and distilled latents of each generator that the size has, by what the tables call them."""
    rows = {}
    for name in plan.settings.generators:
        if budget not in plan.settings.budgets_of.get(name, plan.settings.budgets):
            continue
        for kind, source in _of_generator(plan, name, budget).items():
            label = f"{kind}, {name}"
            rows[label] = replace(contender(plan, source, ours=True), label=label)
    return rows


def _of_generator(plan: StudyPlan, generator: str, budget: int) -> dict[str, Callable[[int], Source]]:
    ipc = latents_for(budget, plan.classes, plan.settings.hr_size)
    size = {"storage.target": f"{budget}B"}

    def distilled(family: str) -> Callable[[int], Source]:
        return lambda draw: plan.distilled(ipc, draw, generator, {"features.family": family, **size})

    rows = {f"distilled by {family}": distilled(family) for family in plan.settings.families}
    return {"inverted": lambda draw: plan.inverted(ipc, draw, generator, size), **rows}


@cache
def _weights(place: str) -> int:
    return FP16 * load_generator(place, device="cpu").reference.parameters


def weights_of(plan: StudyPlan, generator: str) -> int:
    """Count the bytes that a generator's weights take in fp16."""
    return _weights(plan.settings.generators[generator])


def rows_of(plan: StudyPlan, results: Results, budget: int) -> tuple[Contender, ...]:
    """List what is compared at a size: all crops, AVIF at the qualities chosen, and ours."""
    stored = [row for method in METHODS for row in baselines(plan, results, room_of(budget), method).values()]
    return (full_row(plan), *{row.label: row for row in stored}.values(), *our_rows(plan, budget).values())


def parts(plan: StudyPlan) -> Mapping[tuple[str, int], StudyPlan]:
    """Give the plan of each student and size: some sizes have more seeds, some students fewer, or fewer sizes."""
    settings = plan.settings

    def seeds(student: str, budget: int) -> tuple[int, ...]:
        return settings.seeds_of.get(student, settings.seeds_of.get(str(budget), settings.seeds))

    return {
        (student, budget): plan.part(seeds=seeds(student, budget))
        for student in settings.students
        for budget in settings.budgets_of.get(student, settings.budgets)
    }


def rate_cells(plan: StudyPlan, results: Results) -> tuple[Cell, ...]:
    """List the cells, seed by seed and size by size, so that a table of part of them is paired."""
    seeds = dict.fromkeys(seed for part in parts(plan).values() for seed in part.settings.seeds)
    return tuple(
        cell_of(part, row, student, draw, seed)
        for seed in seeds
        for (student, budget), part in parts(plan).items()
        if seed in part.settings.seeds
        for draw in plan.settings.draws
        for row in rows_of(plan, results, budget)
    )
