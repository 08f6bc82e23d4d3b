"""Does distillation do what Eq. 9 says? Held-out L_dis a class, inverted against distilled, and how alike latents get.

    python benchmarks/held_out.py ../shared/data/mini-ost/train --rows docs/held_out.jsonl

Each row is one run (family, seed, lambda); rows that the file already has are not run again. Both sides of every
comparison are latents after the codec, decoded in fp32, against all non-overlapping real crops of a class, on draws of
(theta, omega) that no run uses. The printed tables are those of docs/method.md.
"""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from held_out_loss import HeldOut, pairwise_distance
from real_job import changed, real_job
from torch import Tensor

from gsdd.data.degradation import to_float
from gsdd.distill.inversion import invert
from gsdd.distill.matching import match
from gsdd.distill.run import Run
from gsdd.distilled.decode import decode
from gsdd.formats.codecs import CODECS
from gsdd.metrics.psnr import psnr, psnr_of_error
from gsdd.recipe import Recipe

HELD_OUT_SEED = 1_000_003
ALL_CROPS = 1_000_000
# Eq. 9 as the paper has it: each draw a new one, a constant rate.
PLAIN = {"crops": "random", "bank": 0, "schedule": "constant", "finish": 0.0}
DRAWS = {"local-fourier": 24, "resnet18": 8}


def through_codec(latents: Tensor, name: str) -> Tensor:
    return torch.from_numpy(CODECS[name].rounded(latents.numpy()))


def quick(generator: str, family: str, seed: int) -> Recipe:
    return Recipe.preset("quick").changed({"generator": generator, "features.family": family, "seed": seed})


def judge(held_out: HeldOut, run: Run, latents: Tensor, counts: tuple[int, ...], pairs: Tensor) -> dict[str, Any]:
    stored = through_codec(latents, run.recipe.storage.codec_name)
    images = decode(run.generator, stored)
    terms = held_out.matching(images, counts, pairs)
    return {
        "l_dis": terms.distribution.tolist(),
        "r": terms.pairs.tolist(),
        "psnr": float(psnr(images, pairs).mean()),
        "latent_distance": float(pairwise_distance(stored, counts).mean()),
        "image_distance": float(pairwise_distance(to_float(images), counts).mean()),
    }


def run_all(source: Path, recipe: Recipe, lams: list[float], held_out: HeldOut) -> list[dict]:
    """One inversion, then one distillation a lambda from it."""
    run, chosen, target, spaces = real_job(source, changed(recipe, **PLAIN))
    inverted = invert(target.starts, spaces.fixed_psi(), run)
    before = judge(held_out, run, inverted.latents, chosen.counts, target.starts)
    before["psnr_start"] = float(psnr_of_error(inverted.error_start).mean())
    rows = []
    for lam in lams:
        mine = replace(run, recipe=changed(run.recipe, lam=lam))
        latents = match(target, inverted, spaces, mine).latents
        rows.append(
            {"family": recipe.features.family, "seed": recipe.seed, "lam": lam, "classes": chosen.class_names,
             "inverted": before, "distilled": judge(held_out, run, latents, chosen.counts, target.starts)}
        )  # fmt: skip
    return rows


def interval(values: list[float]) -> str:
    """Mean and the half-width of its 95 % interval (Student's t)."""
    if len(values) < 2:
        return f"{np.mean(values):.4f}"
    t = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}[len(values)]
    return f"{np.mean(values):.4f} +- {t * np.std(values, ddof=1) / len(values) ** 0.5:.4f}"


def table(rows: list[dict], family: str) -> list[str]:
    rows = [row for row in rows if row["family"] == family and row["lam"] == 0.1][:3]
    lines = [f"| {family} | L_dis inverted | L_dis distilled | ratio a seed |", "|---|---|---|---|"]
    for number, name in enumerate(rows[0]["classes"]):
        before, after = ([row[side]["l_dis"][number] for row in rows] for side in ("inverted", "distilled"))
        ratios = ", ".join(f"{b / a:.2f}" for a, b in zip(before, after, strict=True))
        lines.append(f"| {name} | {np.mean(before):.4f} | {np.mean(after):.4f} | {ratios} |")
    return lines


def spread(rows: list[dict], family: str, key: str) -> list[str]:
    rows = [row for row in rows if row["family"] == family]
    inverted = {row["seed"]: row["inverted"][key] for row in rows}
    lines = [
        f"| {family} | {key} | minus inverted |",
        "|---|---|---|",
        f"| inverted | {interval(list(inverted.values()))} | |",
    ]
    for lam in sorted({row["lam"] for row in rows}):
        mine = [row for row in rows if row["lam"] == lam]
        change = [row["distilled"][key] - inverted[row["seed"]] for row in mine]
        lines.append(f"| lambda {lam} | {interval([row['distilled'][key] for row in mine])} | {interval(change)} |")
    return lines


def judge_of(source: Path, generator: str, family: str, draws: int) -> HeldOut:
    """Prepare what a run is judged by: draws that no run uses, and every real crop of a class."""
    recipe = changed(quick(generator, family, HELD_OUT_SEED), real_crops=ALL_CROPS)
    _, chosen, target, spaces = real_job(source, recipe)
    return HeldOut.prepare(spaces, chosen.class_names, target.real, draws)


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--rows", "file", type=click.Path(path_type=Path), required=True, help="JSON lines, appended to.")
@click.option("--generator", default="realesr-animevideov3")
@click.option("--family", "families", multiple=True, default=["local-fourier", "resnet18"])
@click.option("--seeds", default=5, help="Seeds for the spread; the first 3 make the table.")
@click.option("--lam", "lams", multiple=True, default=[0.1, 0.0], help="lambda; the table shows 0.1.")
def main(
    source: Path, file: Path, generator: str, families: tuple[str, ...], seeds: int, lams: tuple[float, ...]
) -> None:
    """Run what is missing, then print the tables."""
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    done = {(row["family"], row["seed"]) for row in rows}
    for family in families:
        held_out = judge_of(source, generator, family, DRAWS[family])
        for seed in range(seeds):
            if (family, seed) in done:
                continue
            began = time.monotonic()
            new = run_all(source, quick(generator, family, seed), list(lams), held_out)
            rows += new
            with file.open("a") as lines:
                lines.writelines(json.dumps(row) + "\n" for row in new)
            click.echo(f"{family} seed {seed}: {time.monotonic() - began:.0f} s", err=True)
        click.echo("\n".join([*table(rows, family), "", *spread(rows, family, "latent_distance"), "",
                              *spread(rows, family, "image_distance"), ""]))  # fmt: skip


if __name__ == "__main__":
    main()
