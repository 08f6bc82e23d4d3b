"""Do classes that clusters make serve as well as those that people made? The table of docs/sources.md.

    python benchmarks/classes.py ../shared/data/mini-ost/train --rows build/classes.jsonl

A fifth of the photos of each class is held out, as in `gsdd study --tune`. The others are compressed three times: from
their class folders, and from one flat folder as clusters and as one class; each gives as many latents to the student
`small`. Seed s is that of the run, of the clusters and of the student. Rows that the file has are not run again.
"""

import json
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import click

import gsdd
from gsdd import Recipe, TrainingRecipe, compress, evaluate, train
from gsdd.study.photos import split_for_tuning
from gsdd.study.statistics import paired_difference

METRICS = {"psnr-y": "higher", "st-lpips": "lower"}
HR_SIZE = 96
# Short: nine runs and nine trainings take two busy cores half an hour.
STEPS = {"inversion.steps": 10, "matching.iterations": 8, "matching.bank": 8, "features.filters": 128}
ITERATIONS = 400


def flattened(folder: Path, target: Path) -> Path:
    """Link the photos of class folders into one folder."""
    target.mkdir(exist_ok=True)
    for photo in sorted(folder.glob("*/*")):
        link = target / photo.name
        if not link.is_symlink():
            link.symlink_to(photo.resolve())
    return target


def run(classes: str, seed: int, ipc: int, source: Path, test: Path, build: Path) -> dict[str, Any]:
    """Distil, train, and score on the photos that were held out; what a run before has written is taken."""
    settings = {"generator": "realesr-animevideov3", "seed": seed, "crops.ipc": ipc, "crops.classes": classes}
    recipe = Recipe.preset("quick").changed({**settings, "crops.hr_size": HR_SIZE, **STEPS})
    file = build / f"{classes.replace(':', '')}-{seed}.gsdd"
    model = file.with_suffix(".safetensors")
    if not file.exists():
        compress(source, file, recipe=recipe, device="cpu")
    if not model.exists():
        train([file], model, recipe=TrainingRecipe(student="small", iterations=ITERATIONS, seed=seed), device="cpu")
    scores = evaluate(model, test, metrics=list(METRICS), device="cpu")
    means = {name: scores.mean(name) for name in METRICS}
    return {"classes": classes, "seed": seed, "latents": len(gsdd.open(file)), **means}


def table(rows: list[dict[str, Any]], ways: list[str]) -> str:
    """Lay out means, and paired differences to folders, with their 95 % intervals."""
    of = {way: sorted((row for row in rows if row["classes"] == way), key=lambda row: row["seed"]) for way in ways}
    lines = ["| classes | latents | n | " + " | ".join(f"{name} | minus folders" for name in METRICS) + " |"]
    lines.append("|---|---|---|" + "---|---|" * len(METRICS))
    for way, mine in of.items():
        cells = []
        for name, better in METRICS.items():
            ours, theirs = ([row[name] for row in each] for each in (mine, of[ways[0]]))
            found = paired_difference(ours, theirs, better)
            cells.append(f"{mean(ours):.4f} ({stdev(ours):.4f})")
            cells.append("" if way == ways[0] else f"{found.mean:+.4f}, {found.low:+.4f} .. {found.high:+.4f}")
        lines.append(f"| {way} | {mine[0]['latents']} | {len(mine)} | {' | '.join(cells)} |")
    return "\n".join(lines)


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--rows", "file", type=click.Path(path_type=Path), required=True, help="JSON lines, appended to.")
@click.option("--ipc", default=5)
@click.option("--seeds", default=3)
@click.option("--seed", "only", type=int, help="Run this seed alone, in another process than the others.")
def main(source: Path, file: Path, ipc: int, seeds: int, only: int | None) -> None:
    """Run what is missing, then print the table."""
    build = file.parent / "classes"
    build.mkdir(parents=True, exist_ok=True)
    photos, test = split_for_tuning(source, build / "split", HR_SIZE)
    flat, count = flattened(photos, build / "flat"), len(list(photos.iterdir()))
    ways = {"folders": (photos, ipc), f"clusters:{count}": (flat, ipc), "none": (flat, ipc * count)}
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for seed in range(seeds) if only is None else [only]:
        for way, (folder, each) in ways.items():
            if any(row["classes"] == way and row["seed"] == seed for row in rows):
                continue
            began = time.monotonic()
            rows.append(run(way, seed, each, folder, test, build))
            with file.open("a") as lines:
                lines.write(json.dumps(rows[-1]) + "\n")
            click.echo(f"{way} seed {seed}: {time.monotonic() - began:.0f} s", err=True)
    if only is None:
        click.echo(table(rows, list(ways)))


if __name__ == "__main__":
    main()
