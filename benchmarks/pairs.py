"""How fast pairs are served: a `.gsdd` file against a plain dataset over the PNG tree that `gsdd expand` wrote of it.

    python benchmarks/pairs.py ../shared/data/mini-ost/train

Both give aligned 96x96 crops with random flips to the same kind of DataLoader, and float32 in [0, 1] to the trainer's
process. A line a dataset: each repetition, the median, and the median ratio to the first line. Then an epoch is seen
with 0, 1 and 2 workers and every way to start them, and has to be the same.

The limit of the plain dataset is decoding PNG. With torch's own collation the next one is the 117 kB of float32 a pair
that it puts into fresh shared memory, which the kernel clears; with ours it is one copy in the trainer's process.
"""

import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, RandomSampler

import gsdd
from gsdd.data.sample_photos import package_photos
from gsdd.pairs.expand import expand

GENERATOR = "realesr-animevideov3"
GT_SIZE, SCALE = 96, 4
SOURCE = {"inversion.steps": 0, "matching.iterations": 0, "crops.real": 1}
Collate = Callable[[Any], Any] | None


class PngPairs(Dataset[dict[str, Any]]):
    """What one writes for a folder of pairs: decode both, crop, flip, to float."""

    def __init__(self, folder: Path) -> None:
        self._pairs = list(zip(sorted((folder / "HR").iterdir()), sorted((folder / "LR_x4").iterdir()), strict=True))

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        hr, lr = (np.asarray(Image.open(path)) for path in self._pairs[index])
        top, left, flip = torch.randint(0, lr.shape[0] - GT_SIZE // SCALE + 1, (3,)).tolist()
        gt = _crop(hr, top * SCALE, left * SCALE, GT_SIZE)
        lq = _crop(lr, top, left, GT_SIZE // SCALE)
        if flip % 2:
            gt, lq = gt[:, ::-1], lq[:, ::-1]
        paths = (str(path) for path in self._pairs[index])
        return dict(zip(("gt", "lq", "gt_path", "lq_path"), (_tensor(gt), _tensor(lq), *paths), strict=True))


def _crop(image: np.ndarray, top: int, left: int, size: int) -> np.ndarray:
    return image[top : top + size, left : left + size]


def _tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float().div_(255)


def rate(dataset: Dataset[Any], collate: Collate, workers: int, batch_size: int, seconds: float) -> float:
    """Measure pairs a second in a running loader whose epoch does not end."""
    endless = RandomSampler(dataset, replacement=True, num_samples=10**6)
    loader = DataLoader(dataset, batch_size=batch_size, sampler=endless, num_workers=workers, collate_fn=collate)
    batches = iter(loader)
    next(batches)
    served, began = 0, time.perf_counter()
    while time.perf_counter() < began + seconds:
        served += len(next(batches)["gt"])
    return served / (time.perf_counter() - began)


def first_batch(file: Path, workers: int, batch_size: int, cache: Path | None = None) -> float:
    """Measure the seconds from a path to a batch of shuffled pairs."""
    began = time.perf_counter()
    pairs = gsdd.DistilledPairs(file, gt_size=GT_SIZE, cache=cache)
    next(iter(DataLoader(pairs, batch_size=batch_size, shuffle=True, num_workers=workers)))
    return time.perf_counter() - began


def decoding(file: Path) -> float:
    """Measure the seconds that all latents take to decode, the generator being loaded already."""
    distilled = gsdd.open(file)
    distilled.images(0)
    began = time.perf_counter()
    distilled.images(slice(None))
    return time.perf_counter() - began


def epoch(file: Path, cache: Path, collate: Collate, workers: int, method: str | None) -> str:
    """Give the digest of an epoch's batches."""
    pairs = gsdd.DistilledPairs(file, gt_size=GT_SIZE, cache=cache)
    order = gsdd.ResumableSampler(pairs)
    batches = DataLoader(
        pairs, 32, sampler=order, num_workers=workers, multiprocessing_context=method, collate_fn=collate
    )
    digest = hashlib.sha256()
    for batch in batches:
        digest.update(batch["lq"].numpy().tobytes() + batch["gt"].numpy().tobytes() + repr(batch["gt_path"]).encode())
    return digest.hexdigest()


def compare_epochs(file: Path, cache: Path) -> None:
    """Tell whether the items of an epoch depend on the workers."""
    ways = [(0, None), *((workers, method) for workers in (1, 2) for method in ("fork", "spawn", "forkserver"))]
    seen = {epoch(file, cache, collate, *way) for way in ways for collate in (None, gsdd.DistilledPairs.collate)}
    if len(seen) > 1:
        raise SystemExit(f"{len(seen)} different epochs")
    click.echo("items are the same with 0, 1 and 2 workers, by fork, spawn and forkserver, and either collation")


def prepare(photos: Path, folder: Path, latents: int) -> tuple[Path, Path]:
    """Make a file of about that many latents, neither inverted nor distilled: serving does not know; and expand it."""
    classes = sum(1 for entry in photos.iterdir() if entry.is_dir())
    file, tree = folder / "a.gsdd", folder / "pairs"
    recipe = gsdd.Recipe().changed({**SOURCE, "generator": GENERATOR, "crops.ipc": -(-latents // classes)})
    gsdd.compress(photos, file, recipe=recipe)
    expand(file, tree)
    return file, tree


@click.command()
@click.argument("photos", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--latents", default=700, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--batch-size", default=32, show_default=True)
@click.option("--seconds", default=4.0, show_default=True, help="For each dataset and repetition.")
@click.option("--repeats", default=5, show_default=True)
def main(photos: Path | None, latents: int, workers: int, batch_size: int, seconds: float, repeats: int) -> None:
    """Serve pairs of PHOTOS, or of the photos of installed packages."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, tree = prepare(photos or package_photos(folder / "photos"), folder, latents)
        cache = folder / "cache"
        pairs = gsdd.DistilledPairs(file, gt_size=GT_SIZE, cache=cache)
        click.echo(f"{workers} workers, batches of {batch_size}; seconds from the path to the first batch")
        compare(
            repeats,
            {
                "decoding all latents": lambda: decoding(file),
                "first batch, 0 workers": lambda: first_batch(file, 0, batch_size),
                f"first batch, {workers} workers": lambda: first_batch(file, workers, batch_size),
                "the same, pairs kept": lambda: first_batch(file, workers, batch_size, cache),
            },
        )
        click.echo("pairs a second")
        sets: dict[str, tuple[Dataset[Any], Collate]] = {
            "PNG tree": (PngPairs(tree), None),
            "DistilledPairs": (pairs, pairs.collate),
            "with torch's collation": (pairs, None),
        }
        compare(repeats, {name: partial(rate, *data, workers, batch_size, seconds) for name, data in sets.items()})
        compare_epochs(file, cache)


def compare(repeats: int, rows: dict[str, Callable[[], float]]) -> None:
    """Measure the rows in turn, so that a slow minute is everybody's; the first row is what the others are told in."""
    measured = [[measure() for measure in rows.values()] for _ in range(repeats)]
    base = [row[0] for row in measured]
    for name, column in zip(rows, zip(*measured, strict=True), strict=True):
        values = " ".join(f"{value:7.4g}" for value in column)
        ratio = statistics.median(value / first for value, first in zip(column, base, strict=True))
        click.echo(f"{name:24} {values}   median {statistics.median(column):.4g}, x {ratio:.3g}")


if __name__ == "__main__":
    main()
