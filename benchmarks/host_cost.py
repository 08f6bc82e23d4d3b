"""What the search's steps ask of a GPU and of the host: launches, waits, copies and host time a step.

    python benchmarks/host_cost.py

On a GPU that stands in for one (tests/stand_in_gpu): torch's dispatcher and Triton's launcher are the real ones and
kernels do nothing, so that no time of a device is in it. Wanted: a compiler, and the memory of one recorded graph.
7 classes of IPC 100; an inversion step moves all 700 latents, a matching step those whose turn it is. `host` is the
process's CPU time, median of `--repeats`; a graph counts as one launch.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import click

TESTS = Path(__file__).resolve().parents[1] / "tests"
CASES = (
    ("realesrgan-x4plus", "standard"),
    ("realesr-animevideov3", "standard"),
    ("realesrgan-x4plus", "paper"),
)
CLASSES, REAL = 7, 128
# A preset that does not match by it itself.
STUDENT = {"student": "standard"}
TOLD = ("kernels", "waits", "copies_in", "copies_out", "pageable")


def steps(
    generator_name: str, preset: str, ipc: int, graphs: bool, device: str = "cuda"
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield a name and a step."""
    import torch

    from gsdd.distill import arithmetic, criterion, inversion, matching
    from gsdd.distill.bank import DistillationSource
    from gsdd.distill.inversion import Inverted
    from gsdd.distill.moving import most_moving
    from gsdd.distill.run import Run
    from gsdd.distill.spaces import Spaces
    from gsdd.generators.load import load_generator
    from gsdd.parallel.chunks import chunk_indices
    from gsdd.recipe import Recipe

    if not graphs:
        criterion.graphed = arithmetic.graphed = lambda function, *sample: function
    recipe = Recipe.preset(STUDENT.get(preset, preset)).changed({"precision": "bf16"})
    if preset in STUDENT:
        recipe = recipe.changed({"features.family": "student", "features.student_steps": 3, "matching.bank": 11})
    run = Run(recipe, load_generator(generator_name, device=device))
    count, side = CLASSES * ipc, recipe.crops.hr_size
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
    names = tuple(map(str, range(CLASSES)))
    source = DistillationSource(names, (ipc,) * CLASSES, images, tuple(images[:REAL] for _ in names))
    spaces = Spaces.of(run, source.real)
    wanted = criterion.Criterion(spaces.fixed_psi(), run)
    inverting = run.in_chunks_for(count)
    members = range(len(list(chunk_indices(torch.arange(count), inverting.chunk))))
    searches = [inversion._begin(images, wanted, inverting, None, None, k) for k in members]
    yield "inversion", lambda: [search.step(True, 0) for search in searches]
    searches.clear()
    del wanted
    latents = torch.rand(count, *run.generator.latent_shape(side))
    run = run.in_chunks_for(most_moving(source.counts, recipe))
    loop = matching._Loop(source, Inverted.by_no_step(latents), spaces, run, None, None)
    loop.begin()
    yield "matching", loop.step


def measured(step: Callable[[], object], repeats: int, warm: int) -> dict[str, float]:
    """Count what a step asks for, and time the host."""
    import stand_in

    for _ in range(warm):
        step()
    before, times = stand_in.seen(), []
    for _ in range(repeats):
        began = time.process_time()
        step()
        times.append(time.process_time() - began)
    after = stand_in.seen()
    return {**{key: (after[key] - before[key]) / repeats for key in TOLD}, "host_ms": 1e3 * median(times)}


def child(generator: str, preset: str, ipc: int, graphs: bool, repeats: int) -> None:
    """Measure one case in this process, which sees the stand-in; print a line of JSON a step."""
    import stand_in  # noqa: F401
    import torch

    torch.set_num_threads(1)
    for name, step in steps(generator, preset, ipc, graphs):
        # Enough that each draw of a bank has been met.
        found = measured(step, repeats, 2 if name == "inversion" else 70)
        sys.stdout.write(f"found {json.dumps({'step': name, **found})}\n")
        sys.stdout.flush()
    os._exit(0)  # at a common end torch would ask the driver for more than there is


@click.command()
@click.option("--ipc", default=100)
@click.option("--repeats", default=10)
@click.option("--case", "cases", type=(str, str), multiple=True, help="GENERATOR PRESET; all by default.")
@click.option("--in-stand-in", type=(str, str, int, bool), hidden=True)
def main(
    ipc: int, repeats: int, cases: tuple[tuple[str, str], ...], in_stand_in: tuple[str, str, int, bool] | None
) -> None:
    """Print a table, a line a case."""
    if in_stand_in:
        return child(*in_stand_in, repeats)
    sys.path.insert(0, str(TESTS))
    from stand_in_gpu.build import build, environment

    click.echo(f"| generator, preset | step | graphs | {' | '.join(TOLD)} | host ms |\n|{'---|' * (4 + len(TOLD))}")
    with tempfile.TemporaryDirectory() as folder:
        where = environment(build(Path(folder)))
        for case in cases or CASES:
            for graphs in (True, False):
                words = [sys.executable, __file__, "--repeats", str(repeats), "--in-stand-in", *case, str(ipc)]
                done = subprocess.run([*words, str(graphs)], env=where, stdout=subprocess.PIPE, text=True, check=False)
                for line in done.stdout.splitlines():
                    if line.startswith("found "):
                        found = json.loads(line[6:])
                        counts = " | ".join(f"{found[key]:g}" for key in TOLD)
                        click.echo(
                            f"| {', '.join(case)} | {found['step']} | {'yes' if graphs else 'no'} | {counts} | "
                            f"{found['host_ms']:.0f} |"
                        )
    return None


if __name__ == "__main__":
    main()
