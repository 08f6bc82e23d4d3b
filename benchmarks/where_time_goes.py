"""Where a step's time goes: in the plain loop, and in a run of gsdd.

    python benchmarks/where_time_goes.py ../shared/data/mini-ost/train [--generator realesrgan-x4plus --family resnet18]

Each part runs on the step's own shapes (IPC 5), in turn, medians of `--repeats`. A draw of gsdd's bank is made once and
met again and again; its cost is listed by itself.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import click
import torch
from plain_loop import REAL_BATCH, augmented, plain_psi, real_batch
from real_job import changed, real_job
from time_to_quality import INVERSION_STEPS
from torch import Tensor

from gsdd.data.degradation import downscale, to_float
from gsdd.distill.bank import Bank, DistillationSource
from gsdd.distill.embedding import class_index
from gsdd.distill.generator_pass import GeneratorPass, kept_graphs
from gsdd.distill.run import Run
from gsdd.distill.spaces import Spaces
from gsdd.generators.frozen import graph_bytes
from gsdd.parallel.chunks import chunk_indices
from gsdd.recipe import Recipe

Parts = dict[str, Callable[[], object]]


def plain_parts(work: Run, source: DistillationSource, spaces: Spaces, start: Tensor) -> Parts:
    """The parts of a step of the plain loop, over all classes."""
    recipe, network = work.recipe, work.generator.network
    psi, omegas = plain_psi(spaces, source, recipe, 0), spaces.omega("training", 0, source.class_names)
    rows = [omegas.take(torch.tensor([c])) for c in range(len(source.counts))]
    images = to_float(source.starts).split(source.counts)

    def generator() -> None:
        for z in start.split(source.counts):
            image = network(z.clone().requires_grad_(True))
            image.backward(torch.ones_like(image))

    @torch.no_grad()
    def real() -> None:
        for c, row in enumerate(rows):
            psi(augmented(real_batch(source, recipe, c, 0), row))

    def synthetic() -> None:
        for image, row in zip(images, rows, strict=True):
            psi(augmented(image.clone().requires_grad_(True), row)).sum().backward()

    @torch.no_grad()
    def pairs() -> None:
        for image, row in zip(images, rows, strict=True):
            psi(augmented(image, row))

    return {
        "G, both ways": generator,
        f"psi of {REAL_BATCH} real crops a class": real,
        "psi of the synthetic images, both ways": synthetic,
        "psi of their pairs": pairs,
        "theta and its norms": lambda: plain_psi(spaces, source, recipe, 1),
    }


def gsdd_parts(work: Run, source: DistillationSource, spaces: Spaces, start: Tensor) -> Parts:
    """The parts of a step of a run, for one draw."""
    latents = [start[index] for index, _ in chunk_indices(torch.arange(len(start)), work.chunk)]
    kept = kept_graphs(graph_bytes(work.generator.frozen, latents[0]))
    classes = class_index(source.counts)
    draw = Bank(source, spaces, work.recipe)[0]

    def generator() -> None:
        done = GeneratorPass(work.generator.frozen, latents, kept)
        for image in done.images:
            image.grad = torch.ones_like(image)
        done.backward()

    def synthetic() -> None:
        for index, _ in chunk_indices(torch.arange(len(start)), work.chunk):
            images = to_float(source.starts[index]).requires_grad_(True)
            draw.embedding(images, classes[index]).sum().backward()

    def new_draw() -> None:
        Bank(source, spaces, work.recipe)[1].pair_features(torch.arange(len(start)))

    return {
        "G, both ways": generator,
        "psi of the synthetic images, both ways": synthetic,
        f"once a draw: theta, {work.recipe.matching.real_batch} real crops a class, pairs": new_draw,
    }


def seconds(parts: Parts, repeats: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(repeats):
        for name, part in parts.items():
            began = time.perf_counter()
            part()
            times[name].append(time.perf_counter() - began)
    return {name: median(values) for name, values in times.items()}


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--generator", type=click.Choice(sorted(INVERSION_STEPS)), default="realesr-animevideov3")
@click.option("--family", default="resnet18")
@click.option("--real-batch", default=12)
@click.option("--repeats", default=3)
def main(source: Path, generator: str, family: str, real_batch: int, repeats: int) -> None:
    """Print both tables."""
    recipe = Recipe.preset("quick").changed({"generator": generator, "crops.ipc": 5})
    work, _, job, spaces = real_job(source, changed(recipe, features=family, real_batch=real_batch))
    start = downscale(to_float(job.starts), work.generator.scale)
    plain = replace(work, recipe=changed(work.recipe, bank=0))
    for name, parts in (
        ("plain loop", plain_parts(plain, job, spaces, start)),
        ("gsdd", gsdd_parts(work, job, spaces, start)),
    ):
        found = seconds(parts, repeats)
        click.echo(f"{name}: {generator}, {family}")
        for part, spent in found.items():
            click.echo(f"  {part}: {spent:.2f} s, {spent / sum(found.values()):.0%}")


if __name__ == "__main__":
    main()
