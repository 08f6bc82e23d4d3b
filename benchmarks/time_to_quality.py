"""Seconds until held-out L_overall is where 60 steps of the plain loop leave it, and what each part contributes.

    python benchmarks/time_to_quality.py ../shared/data/mini-ost/train --rows rows.jsonl

Both sides start from the same inverted latents, and each takes its own best learning rate of those given. A row is one
run; rows that the file has are not run again, so that a long table can be made in pieces. Held-out: draws of
(theta, omega) that no run uses, all real crops, fp32, images as readers get them but for the rounding. Evaluation is
not timed; the bank, caches and everything else of a run is. Alone on the machine, please.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import click
import torch
from held_out import judge_of
from plain_loop import plain_loop
from real_job import changed, real_job
from torch import Tensor

from gsdd.distill.inversion import Inverted, invert
from gsdd.distill.matching import match
from gsdd.distill.run import KeepsNothing
from gsdd.parallel.chunks import chunk_indices
from gsdd.recipe import Recipe

DRAWS = {"local-fourier": 16, "resnet18": 8}
INVERSION_STEPS = {"realesr-animevideov3": 90, "realesrgan-x4plus": 30}
PLAIN_STEPS = 60
RATES = (1e-3, 3e-3, 1e-2)
# What a run has beyond the plain loop, a part after the other; the last line is the whole.
PARTS: dict[str, dict[str, Any]] = {
    "frozen G, merged norms, channels_last": {"bank": 0, "draws": 1, "schedule": "constant", "precision": "fp32"},
    "bank": {"draws": 1, "schedule": "constant", "precision": "fp32"},
    "several draws a pass of G": {"schedule": "constant", "precision": "fp32"},
    "decay": {"precision": "fp32"},
    "bf16 but for the last tenth": {},
}


class Job:
    """One generator and family: photos, start and judge."""

    def __init__(self, source: Path, generator: str, family: str) -> None:
        recipe = Recipe.preset("quick").changed({"generator": generator, "crops.ipc": 5})
        steps = INVERSION_STEPS[generator]
        self.run, self.chosen, self.source, self.spaces = real_job(
            source, changed(recipe, crops="random", features=family, inversion_steps=steps)
        )
        self.held_out = judge_of(source, generator, family, DRAWS[family])

    def start(self, cache: Path) -> Tensor:
        """Invert once; later calls read what it gave."""
        file = cache / f"{self.run.generator.reference.name}-{self.run.recipe.features.family}.inverted.pt"
        if not file.exists():
            torch.save(invert(self.source.starts, self.spaces.fixed_psi(), self.run).latents, file)
        start: Tensor = torch.load(file, weights_only=True)
        return start

    def l_overall(self, latents: Tensor) -> float:
        """Judge latents."""
        chunks = chunk_indices(torch.arange(len(latents)), self.run.chunk)
        with torch.no_grad():
            images = torch.cat([self.run.generator(latents[index])[:real] for index, real in chunks])
        return float(self.held_out.matching(images.clamp(0, 1), self.chosen.counts, self.source.starts).total)


def plain_run(job: Job, start: Tensor, recipe: Recipe, every: int) -> Iterator[tuple[int, float, float]]:
    """Yield step, seconds and held-out L_overall."""
    seconds = 0.0
    steps = plain_loop(job.source, start, job.run.generator, job.spaces, recipe)
    for number, step in enumerate(itertools.islice(steps, PLAIN_STEPS), 1):
        seconds += step.seconds
        if number % every == 0:
            yield number, seconds, job.l_overall(step.latents)


def gsdd_run(job: Job, start: Tensor, recipe: Recipe, every: int) -> Iterator[tuple[int, float, float]]:
    """Yield step, seconds and held-out L_overall of a whole `match`, the bank and all else counted."""
    seen: list[tuple[int, float, Tensor]] = []
    began = time.perf_counter()

    class Looks(KeepsNothing):
        def keep(self, state: Callable[[], Any]) -> None:
            at, now = time.perf_counter() - began, state()
            if now.iterations % every == 0 or now.iterations == recipe.matching.iterations:
                seen.append((now.iterations, at, now.latents))

    errors = torch.ones(len(start), dtype=torch.float64)
    run = replace(job.run, recipe=recipe, journal=Looks())
    match(job.source, Inverted(start, 0, errors, errors), job.spaces, run)
    for number, seconds, latents in seen:
        yield number, seconds, job.l_overall(latents)


def run_missing(rows: Path, job: Job, start: Tensor, key: dict[str, Any], recipe: Recipe, every: int) -> None:
    done = [json.loads(line) for line in rows.read_text().splitlines()] if rows.exists() else []
    if any(all(row.get(name) == value for name, value in key.items()) for row in done):
        return
    loop = plain_run if key["side"] == "plain" else gsdd_run
    curve = list(loop(job, start, recipe, every))
    with rows.open("a") as file:
        file.write(json.dumps({**key, "curve": curve}) + "\n")
    click.echo(f"{key}: {curve[-1][2]:.3f} after {curve[-1][0]} steps, {curve[-1][1]:.1f} s", err=True)


def seconds_to(curve: list[tuple[int, float, float]], wanted: float) -> float | None:
    return next((seconds for _, seconds, loss in curve if loss <= wanted), None)


def report(rows: Path, generator: str, family: str) -> None:
    everything = [json.loads(line) for line in rows.read_text().splitlines()]
    mine = [row for row in everything if (row["generator"], row["family"]) == (generator, family)]
    plain = {rate: [row for row in mine if row["side"] == "plain" and row["lr"] == rate] for rate in RATES}
    ends = {rate: median(row["curve"][-1][2] for row in found) for rate, found in plain.items() if found}
    best = min(ends, key=lambda rate: ends[rate])
    wanted, wall = ends[best], median(row["curve"][-1][1] for row in plain[best])
    click.echo(f"{generator}, {family}: plain loop, {PLAIN_STEPS} steps at lr {best}: {wall:.1f} s, L {wanted:.3f}")
    click.echo("".join(f"  plain at {rate}: L {value:.3f}\n" for rate, value in ends.items()), nl=False)
    for name, rate in sorted({(row["side"], row["lr"]) for row in mine if row["side"] != "plain"}):
        found = [row for row in mine if (row["side"], row["lr"]) == (name, rate)]
        times = [seconds_to(row["curve"], wanted) for row in found]
        step = median(row["curve"][-1][1] / row["curve"][-1][0] for row in found)
        ends_at = f"ends at L {median(row['curve'][-1][2] for row in found):.3f}, {step:.2f} s a step"
        reached = "not reached" if None in times else f"{median(times):.1f} s = 1/{wall / median(times):.1f}"
        click.echo(f"  {name}, lr {rate}: {reached}; {ends_at} ({len(found)} runs)")


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--rows", type=click.Path(path_type=Path), required=True, help="JSON lines, appended to.")
@click.option("--generator", default="realesr-animevideov3")
@click.option("--family", default="resnet18")
@click.option("--plain-lr", "plain_rates", multiple=True, type=float, default=RATES)
@click.option("--lr", "rates", multiple=True, type=float, default=(1e-2,))
@click.option("--part", "parts", multiple=True, type=click.Choice(list(PARTS)), default=list(PARTS))
@click.option("--runs", default=3)
@click.option("--plain-runs", default=1, help="Of the plain loop: it takes up to 20 minutes.")
@click.option("--every", default=1, help="Steps between two looks at the held-out loss.")
@click.option("--iterations", default=30)
@click.option("--option", "options", multiple=True, type=(str, str), help="Of the recipe, such as: draws 4.")
def main(
    source: Path, rows: Path, generator: str, family: str, plain_rates: tuple[float, ...], rates: tuple[float, ...],
    parts: tuple[str, ...], runs: int, plain_runs: int, every: int, iterations: int,
    options: tuple[tuple[str, str], ...],
) -> None:  # fmt: skip
    """Run what is missing, then print the table."""
    job = Job(source, generator, family)
    start = job.start(rows.parent)
    whose = {"generator": generator, "family": family}
    for run, rate in itertools.product(range(plain_runs), plain_rates):
        key = {**whose, "side": "plain", "lr": rate, "run": run}
        run_missing(rows, job, start, key, changed(job.run.recipe, lr=rate), 15)
    more = {name: json.loads(value) for name, value in options}
    for run, rate, part in itertools.product(range(runs), rates, parts):
        recipe = changed(job.run.recipe, lr=rate, iterations=iterations, finish=0.0, **{**more, **PARTS[part]})
        side = f"gsdd: + {part}{f' {more}' if more else ''}"
        run_missing(rows, job, start, {**whose, "side": side, "lr": rate, "run": run}, recipe, every)
    report(rows, generator, family)


if __name__ == "__main__":
    main()
