"""The CPU path of `augment` against the public DSA code and against the obvious composition of PyTorch ops.

    git clone https://github.com/VICO-UoE/DatasetCondensation
    python benchmarks/kernels.py --dsa DatasetCondensation --json build/kernels.json

First what the two compute, on random (op, seed, shape) cases; then how long forward and backward take. Sides take
turns, so that a slow minute is everybody's. "image by image" is what the public code needs for parameters of one's own
an image: a call an image, and the results joined to the batch that a feature extractor takes.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import compositions
import numpy as np
import public_dsa
import torch
from torch import Tensor

from gsdd.distill.omega import Dsa
from gsdd.kernels.augment import augment
from gsdd.kernels.augmentation import STRATEGIES, Augmentation


def compare(public: SimpleNamespace, cases: int) -> list[dict[str, Any]]:
    """Compare both codes on random images; a row an op."""
    rng = np.random.default_rng(0)
    rows = []
    for op in public_dsa.COMPARED:
        differences = [_difference(public, op, rng) for _ in range(-(-cases // len(public_dsa.COMPARED)))]
        equal = sum(difference == 0 for difference, _ in differences)
        worst, units = (max(column) for column in zip(*differences, strict=True))
        rows.append(
            {"op": op, "cases": len(differences), "bit_equal": equal, "largest": worst, "ulp_of_largest": units}
        )
    return rows


def _difference(public: SimpleNamespace, op: str, rng: np.random.Generator) -> tuple[float, float]:
    """Largest difference of a case, absolute and in units of the last place of the image's largest value."""
    seed, (height, width) = int(rng.integers(100_000)), rng.integers(8, 65, 2).tolist()
    images = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(seed))
    theirs = public_dsa.apply(public, op, images, seed)
    ours = augment(images, public_dsa.drawn(op, seed, height, width).take(torch.zeros(2, dtype=torch.int64)))
    largest = float((ours - theirs).abs().max())
    return largest, largest / float(np.spacing(theirs.abs().max().numpy()))


def omegas(strategy: str, count: int, size: int) -> Augmentation:
    """Draw parameters an image; where flip is the strategy, only half flips."""
    rng, dsa = np.random.default_rng(0), Dsa((strategy,))
    rows = [dsa.draw(rng, size, size) for _ in range(count)]
    return Augmentation(torch.cat([row.ops for row in rows]), torch.cat([row.values for row in rows]))


def shared(rows: Augmentation) -> Augmentation:
    """Give all images the parameters of the first that something happens to."""
    return rows.take(rows.ops.nonzero()[:1, 0].expand(len(rows)))


def seconds(function: Callable[[Tensor], Tensor], images: Tensor, grad: Tensor) -> float:
    """Time forward and backward."""
    leaf = images.detach().requires_grad_()
    began = time.perf_counter()
    function(leaf).backward(grad)
    return time.perf_counter() - began


def contest(
    ours: Callable[[Tensor], Tensor], other: Callable[[Tensor], Tensor], batch: tuple[Tensor, Tensor], repeats: int
) -> dict[str, float]:
    """Time two sides in turn; medians and the ratio of the medians."""
    pairs = [(seconds(ours, *batch), seconds(other, *batch)) for _ in range(repeats)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {"ours_ms": mine * 1e3, "other_ms": theirs * 1e3, "ratio": theirs / mine}


def image_by_image(public: SimpleNamespace, strategy: str) -> Callable[[Tensor], Tensor]:
    """Call the public code for each image, which then has parameters of its own."""
    parameters = public.ParamDiffAug()
    return lambda images: torch.cat([public.DiffAugment(one, strategy, -1, parameters) for one in images.split(1)])


def timings(public: SimpleNamespace, batch: tuple[Tensor, Tensor], repeats: int) -> list[dict[str, Any]]:
    """Time each strategy with one omega for all images and with one an image; a row a contest."""
    rows = []
    for strategy in STRATEGIES:
        own = omegas(strategy, len(batch[0]), batch[0].shape[2])
        same = shared(own)
        contests: dict[str, tuple[Augmentation, Callable[[Tensor], Tensor]]] = {
            "one omega, public code": (same, lambda images, op=strategy: public_dsa.apply(public, op, images, 0)),
            "own omegas, public code image by image": (own, image_by_image(public, strategy)),
            "own omegas, composition": (own, lambda images, omega=own: compositions.augment(images, omega)),
        }
        for against, (omega, other) in contests.items():
            figures = contest(lambda images, omega=omega: augment(images, omega), other, batch, repeats)
            rows.append({"strategy": strategy, "against": against, **figures})
    return rows


def geometric_means(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Average the ratios of each kind of contest over the strategies."""
    kinds = dict.fromkeys(row["against"] for row in rows)
    return {kind: statistics.geometric_mean(row["ratio"] for row in rows if row["against"] == kind) for kind in kinds}


@click.command()
@click.option(
    "--dsa", type=click.Path(path_type=Path, exists=True), required=True, help="Folder of the public utils.py."
)
@click.option("--cases", default=600, show_default=True, help="Random (op, seed, shape) cases to compare.")
@click.option("--batch", default=256, show_default=True)
@click.option("--size", default=128, show_default=True, help="Side of an image in pixels.")
@click.option("--repeats", default=7, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write all figures there.")
def main(dsa: Path, cases: int, batch: int, size: int, repeats: int, file: Path | None) -> None:
    """Compare `augment` with the public DSA code, then time it against that and against plain PyTorch."""
    public = public_dsa.load(dsa)
    compared = compare(public, cases)
    for row in compared:
        click.echo(
            "{op:10}  {cases} cases, {bit_equal} bit-equal, at most {largest:.2g} = {ulp_of_largest:.3g} ulp".format(
                **row
            )
        )
    random = torch.Generator().manual_seed(0)
    images, grad = (torch.randn(batch, 3, size, size, generator=random) for _ in range(2))
    timed = timings(public, (images, grad), repeats)
    for row in timed:
        click.echo("{strategy:7} {against:40} {ours_ms:8.1f} ms, other {other_ms:8.1f} ms, x {ratio:.2f}".format(**row))
    means = geometric_means(timed)
    for kind, mean in means.items():
        click.echo(f"geometric mean, {kind}: x {mean:.2f}")
    if file:
        figures = {"threads": torch.get_num_threads(), "compared": compared, "timed": timed, "geometric_means": means}
        file.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
