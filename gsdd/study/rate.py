"""The frontier: what a student learns from files of so many bytes, ours and a good codec's."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from gsdd.distill.budget import latents_for
from gsdd.generators.load import load_generator
from gsdd.recipe import StartingCrops
from gsdd.study.board import Contender, cell_of, contender, full_row
from gsdd.study.cells import Cell
from gsdd.study.plan import Results, StudyPlan
from gsdd.study.quality import METHODS, Room, baselines, choosing_cells, chosen, judged, judging
from gsdd.study.sources import Source

FP16 = 2


def room_of(budget: int) -> Room:
    """Give all draws so many bytes."""
    return lambda plan, draw: budget


def rate_choosing(plan: StudyPlan) -> tuple[Cell, ...]:
    """List the cells by which the quality of AVIF, and our number of latents, are chosen at each size."""
    judge, budgets = judging(plan), plan.settings.budgets
    ours = [cell for budget in budgets for cell in judged(judge, _at_each_count(judge, budget))]
    return (*choosing_cells(plan, map(room_of, budgets)), *ours)


def counts_of(plan: StudyPlan, budget: int) -> tuple[int, ...]:
    """List the latents a class that a size may be shared out among."""
    settings = plan.settings
    return tuple(dict.fromkeys(latents_for(budget, plan.classes, settings.hr_size, bpp) for bpp in settings.latent_bpp))


def _at_each_count(judge: StudyPlan, budget: int) -> tuple[Contender, ...]:
    """Give inverted latents of the first generator, a row a count."""

    def inverted(ipc: int) -> Callable[[int], Source]:
        generator = next(iter(judge.settings.generators))
        return lambda draw: judge.inverted(ipc, draw, generator, _size(budget))

    counts = counts_of(judge, budget)
    # With one to choose from there is nothing to find out.
    return tuple(contender(judge, inverted(ipc)) for ipc in counts) if len(counts) > 1 else ()


def chosen_counts(plan: StudyPlan, results: Results, budget: int) -> dict[str, int]:
    """Choose for each metric the latents a class with which inverted latents are best on the held-out photos."""
    judge = judging(plan)
    counts, rows = counts_of(judge, budget), _at_each_count(judge, budget)
    places = chosen(judge, results, rows) if rows else dict.fromkeys(plan.settings.metrics, 0)
    return {metric: counts[place] for metric, place in places.items()}


def our_rows(plan: StudyPlan, results: Results, budget: int, metric: str) -> dict[str, Contender]:
    """Give inverted and distilled latents of each generator that the size has, by what they are called at any size.

    Args:
        plan: of the study.
        results: of the cells that choose.
        budget: bytes.
        metric: that the number of latents is chosen for.
    """
    ipc, rows = chosen_counts(plan, results, budget)[metric], {}
    for name in plan.settings.generators:
        if budget in plan.settings.budgets_of.get(name, plan.settings.budgets):
            for kind, source in _of_generator(plan, name, budget, ipc).items():
                label = f"{ipc * plan.classes} latents, {kind}, {name}"
                rows[f"{kind}, {name}"] = replace(contender(plan, source, ours=True), label=label)
    return rows


def _of_generator(plan: StudyPlan, generator: str, budget: int, ipc: int) -> dict[str, Callable[[int], Source]]:
    def distilled(family: str) -> Callable[[int], Source]:
        return lambda draw: plan.distilled(ipc, draw, generator, {"features.family": family, **_size(budget)})

    rows = {f"distilled by {family}": distilled(family) for family in plan.settings.families}
    return {"inverted": lambda draw: plan.inverted(ipc, draw, generator, _size(budget)), **rows}


def _size(budget: int) -> dict[str, str]:
    return {"storage.target": f"{budget}B"}


@cache
def _weights(place: str) -> int:
    return FP16 * load_generator(place, device="cpu").reference.parameters


def weights_of(plan: StudyPlan, generator: str) -> int:
    """Count the bytes that a generator's weights take in fp16."""
    return _weights(plan.settings.generators[generator])


def rows_of(plan: StudyPlan, results: Results, budget: int) -> tuple[Contender, ...]:
    """List what is compared at a size: all crops, AVIF and ours, each as it was chosen for each metric."""
    stored = [row for method in METHODS for row in stored_of(plan, results, budget, method)]
    ours = [row for metric in plan.settings.metrics for row in our_rows(plan, results, budget, metric).values()]
    return (full_row(plan), *{row.label: row for row in (*stored, *ours)}.values())


def stored_of(plan: StudyPlan, results: Results, budget: int, method: StartingCrops) -> tuple[Contender, ...]:
    """Give AVIF of some bytes, at the qualities chosen."""
    return tuple({row.label: row for row in baselines(plan, results, room_of(budget), method).values()}.values())


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
    """List the cells, seed by seed and size by size, so that a table of part of them is paired.

    The weaker baseline, random crops, has one seed at every size.
    """
    seeds = dict.fromkeys(seed for part in parts(plan).values() for seed in part.settings.seeds)
    return tuple(
        cell_of(part, row, student, draw, seed)
        for seed in seeds
        for (student, budget), part in parts(plan).items()
        if seed in part.settings.seeds
        for draw in plan.settings.draws
        for row in _rows_of_seed(part, results, budget, seed)
    )


def _rows_of_seed(part: StudyPlan, results: Results, budget: int, seed: int) -> tuple[Contender, ...]:
    rows = rows_of(part, results, budget)
    if seed == part.settings.seeds[0]:
        return rows
    weaker = {row.label for row in stored_of(part, results, budget, "random")}
    return tuple(row for row in rows if row.label not in weaker)
