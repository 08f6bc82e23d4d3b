"""How well `gsdd scan` tells copies of photos, and the blocks of JPEG: the tables of docs/sources.md.

    python benchmarks/photos_alike.py ../shared/data/mini-ost/train ../shared/data/mini-ost/test

Every sixth photo is changed in each way: how many of the 256 bits of its hash differ, and how blocky it is when it is
halved, so that old blocks are gone, and encoded anew. Then a folder of 1,000 pictures is scanned: quarters of the
photos, and 120 changed copies among them. It ends with 1 if a copy is missed or another picture is taken for one.
"""

import io
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
from PIL import Image, ImageOps

import gsdd
from gsdd.data.blockiness import blockiness
from gsdd.data.likeness import perceptual_hash

Picture = Image.Image
PICTURES, COPIES = 1000, 120
QUALITIES = (95, 85, 75, 50, 30, 10)


def encoded(picture: Picture, quality: int) -> Picture:
    """Encode as JPEG."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def resized(picture: Picture, share: float) -> Picture:
    """Resize both sides."""
    width, height = (max(1, round(side * share)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def lightened(picture: Picture) -> Picture:
    """Lighten by a tenth."""
    return Image.fromarray((np.asarray(picture) * 1.1).clip(0, 255).astype(np.uint8))


def noisy(picture: Picture) -> Picture:
    """Add noise with a deviation of 8 levels."""
    noise = np.random.default_rng(0).normal(0, 8, (picture.height, picture.width, 3))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


def trimmed(picture: Picture, share: float) -> Picture:
    """Cut the same share off each side."""
    x, y = (round(side * share) for side in picture.size)
    return picture.crop((x, y, picture.width - x, picture.height - y))


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "JPEG 80": lambda picture: encoded(picture, 80),
    "JPEG 40": lambda picture: encoded(picture, 40),
    "JPEG 20": lambda picture: encoded(picture, 20),
    "to 1/2": lambda picture: resized(picture, 1 / 2),
    "to 1/4": lambda picture: resized(picture, 1 / 4),
    "lightened by a tenth": lightened,
    "noise of 8 levels": noisy,
    "grey": lambda picture: picture.convert("L").convert("RGB"),
    "trimmed by 2 %": lambda picture: trimmed(picture, 0.01),
    "trimmed by 10 %": lambda picture: trimmed(picture, 0.05),
}
# Trimmed by a tenth is a copy that is not found: the docs say so.
PLANTED = [change for name, change in CHANGES.items() if name != "trimmed by 10 %"]


def hashed(picture: Picture) -> np.ndarray:
    """Hash a picture."""
    return perceptual_hash(np.asarray(picture.convert("RGB")))


def apart(first: np.ndarray, second: np.ndarray) -> int:
    """Count the bits in which two hashes differ."""
    return int(np.bitwise_count(first ^ second).sum())


def row(name: str, values: Sequence[float], top: float, decimals: int) -> str:
    """Lay out the middle and an upper value."""
    return f"| {name} | {statistics.median(values):.{decimals}f}, {top:.{decimals}f} |"


def of_likeness(photos: list[Picture]) -> Iterator[str]:
    """Tell how far apart photos are, and each from its changed copies."""
    nearest = min(apart(*pair) for pair in combinations(map(hashed, photos), 2))
    yield f"{len(photos)} photos, the nearest two {nearest} bits apart\n\n| change | bits: middle, most |\n|---|---|"
    for name, change in CHANGES.items():
        bits = [apart(hashed(photo), hashed(change(photo))) for photo in photos[::6]]
        yield row(name, bits, max(bits), 0)


def of_blocks(photos: list[Picture]) -> Iterator[str]:
    """Tell how blocky halved photos are when they are encoded."""
    yield "\n| JPEG | blockiness: middle, nine tenths are below |\n|---|---|"
    halved = [resized(photo, 1 / 2) for photo in photos[::6]]
    for quality in (None, *QUALITIES):
        found = [blockiness(np.asarray(encoded(photo, quality) if quality else photo)) for photo in halved]
        yield row(str(quality or "not encoded"), found, float(np.quantile(found, 0.9)), 2)


def quarters(photos: list[Picture]) -> Iterator[Picture]:
    """Cut photos into quarters: as many pictures that differ."""
    for photo in photos:
        x, y = photo.width // 2, photo.height // 2
        for left, top in ((0, 0), (x, 0), (0, y), (x, y)):
            yield photo.crop((left, top, left + x, top + y))


def planted(photos: list[Picture], folder: Path) -> set[frozenset[str]]:
    """Write the pictures and copies of some; return the names of each group."""
    groups: dict[str, set[str]] = {}
    pictures = list(islice(quarters(photos), PICTURES - COPIES))
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number:04}.png", compress_level=1)
    for copy in range(COPIES):
        number, name = copy * 7 % len(pictures), f"copy{copy:03}.png"
        PLANTED[copy % len(PLANTED)](pictures[number]).save(folder / name, compress_level=1)
        groups.setdefault(f"{number:04}.png", {f"{number:04}.png"}).add(name)
    return set(map(frozenset, groups.values()))


@click.command(help=__doc__)
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def main(folders: tuple[Path, ...]) -> None:
    """Print both tables, and what a scan of 1,000 pictures finds."""
    files = [path for folder in folders for path in sorted(folder.glob("*/*"))]
    photos = [ImageOps.exif_transpose(Image.open(path)).convert("RGB") for path in files]
    for line in (*of_likeness(photos), *of_blocks(photos)):
        click.echo(line)
    with TemporaryDirectory() as name:
        wanted = planted(photos, Path(name))
        survey = gsdd.scan(name, crops=gsdd.Recipe().changed({"crops.hr_size": 32}).crops)
    groups: dict[str, set[str]] = {}
    for each in survey.duplicates:
        groups.setdefault(each.of, {each.of}).add(each.photo)
    found = set(map(frozenset, groups.values()))
    click.echo(
        f"\n{survey.images} pictures, {len(wanted & found)} of {len(wanted)} groups found, {len(found - wanted)} others"
    )
    for group in sorted(map(sorted, found ^ wanted)):
        click.echo(f"  {'missed' if frozenset(group) in wanted else 'found'}: {' '.join(group)}")
    sys.exit(found != wanted)


if __name__ == "__main__":
    main()
