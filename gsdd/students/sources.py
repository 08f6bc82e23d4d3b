"""What a user trains on -> pairs in memory: `.gsdd` files, or a folder of photos or of a coreset's crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsdd.data.catalog import Catalog, PhotoRecord, decode_with_digest, scan
from gsdd.data.crops import Crop, plan_crops, read_crops
from gsdd.data.decisions import decisions
from gsdd.data.threads import decoder_warnings_ignored, in_threads
from gsdd.distilled.decode import CHUNK
from gsdd.distilled.latent_set import LatentSet, read_latents
from gsdd.errors import RecipeError, SourceError
from gsdd.generators.generator import Generator
from gsdd.monitor import SILENT, Monitor
from gsdd.recipe import OnBadImage
from gsdd.students.pairs import Pairs, Pixels, joined
from gsdd.students.recipe import TrainingRecipe

Data = str | PathLike[str] | Sequence[str | PathLike[str]]


@dataclass(frozen=True)
class Reading:
    """How data are read.

    Attributes:
        subset: of a folder, so many random crops in all, as evenly over the classes as can be; None is whole photos.
        subset_size: side of such a crop in pixels.
        generator: of `.gsdd` files; a name or a path of weights, None takes the one that a file names.
        force_generator: take weights that are not those that a file was made with.
        cache: folder that keeps the decoded pairs of a `.gsdd` file; None keeps them in memory.
        on_bad_image: skip unusable photos of a folder, or stop at the first.
    """

    subset: int | None = None
    subset_size: int = 128
    generator: str | None = None
    force_generator: bool = False
    cache: Path | None = None
    on_bad_image: OnBadImage = "skip"


def paths_of(data: Data) -> tuple[Path, ...]:
    """List the files or the folder that data are."""
    return (Path(data),) if isinstance(data, str | PathLike) else tuple(map(Path, data))


def read_pairs(
    data: Data, recipe: TrainingRecipe, reading: Reading, *, device: str = "cpu", monitor: Monitor = SILENT
) -> Pairs:
    """Read what to train on; each image is decoded once.

    Args:
        data: one or several `.gsdd` files, a folder with one folder of photos a class, or a folder of photos.
        recipe: of the training: photos smaller than its crops are skipped, and its seed draws a subset.
        reading: how.
        device: where the generator runs.
        monitor: told how many images are read, what is skipped or converted, and where a generator is not exactly that
            of the file.

    Returns:
        The pairs, all in memory.

    Raises:
        SourceError: there is nothing of that name, or no usable photo.
        FormatError: a file that is no sound `.gsdd` file.
        GeneratorError: no usable generator.
        RecipeError: a subset of a `.gsdd` file, or of more crops than there are.
    """
    first, *more = paths_of(data)
    if first.suffix.lower() == ".csv":
        raise SourceError(
            f"{first}: a list of crops has no pixels; make the coreset as a folder, and train on that folder"
        )
    if more or not first.is_dir():
        return joined([_of_file(path, reading, device, monitor) for path in (first, *more)])
    if reading.subset is None:
        return read_folder(first, recipe.crop, reading.on_bad_image, monitor)
    if reading.subset_size < recipe.crop:
        raise RecipeError(f"`subset_size`: got {reading.subset_size}, wanted at least the crop of {recipe.crop}")
    catalog = _catalog(first, reading.subset_size, reading.on_bad_image, monitor)
    return _subset(catalog, reading.subset, reading.subset_size, recipe.seed)


def read_folder(folder: Path, smallest: int, on_bad_image: OnBadImage, monitor: Monitor) -> Pairs:
    """Read whole photos.

    Args:
        folder: one folder of photos a class, or photos.
        smallest: least side of a usable photo, in pixels.
        on_bad_image: skip unusable photos, or stop at the first.
        monitor: told how many photos are read, and what is skipped or converted.

    Returns:
        The pairs, class after class.

    Raises:
        SourceError: there is no usable photo, or a bad one and `on_bad_image` is "fail".
    """
    catalog = _catalog(folder, smallest, on_bad_image, monitor)
    records = [(entry.name, record) for entry in catalog.classes for record in entry.photos]
    with decoder_warnings_ignored():
        images = list(in_threads(_pixels, [record for _, record in records]))
    return Pairs.of_images(images, [name for name, _ in records], [record.path for _, record in records])


def _of_file(data: Path, reading: Reading, device: str, monitor: Monitor) -> Pairs:
    if reading.subset is not None:
        raise RecipeError(f"{data}: a subset is of a folder of photos; train on the whole file, or give a folder")
    distilled = read_latents(data)
    generator, about = distilled.load_generator(reading.generator, device=device, force=reading.force_generator)
    if about:
        monitor.note(about)
    return decoded_pairs(distilled, generator, monitor)


def decoded_pairs(distilled: LatentSet, generator: Generator, monitor: Monitor = SILENT) -> Pairs:
    """Compute the HR images of all latents, and their LR partners.

    Args:
        distilled: the latents.
        generator: G, as from `LatentSet.load_generator`.
        monitor: told how many images are decoded: a large generator takes minutes.
    """
    images: list[Pixels] = []
    for start in range(0, len(distilled), CHUNK):
        images += list(distilled.decode(generator, slice(start, start + CHUNK)).numpy())
        monitor.progress("decode", len(images), len(distilled))
    classes = [distilled.class_names[number] for number in distilled.class_index.tolist()]
    return Pairs.of_images(images, classes, [*map(distilled.name, range(len(distilled)))])


def _subset(catalog: Catalog, count: int, size: int, seed: int) -> Pairs:
    classes = len(catalog.classes)
    if count < 1:
        raise RecipeError(f"`subset`: got {count}, wanted at least one crop")
    counts = [count // classes + (number < count % classes) for number in range(classes)]
    crops = plan_crops(catalog, counts, size, seed)
    return crop_pairs(catalog, crops, read_crops(catalog, crops, size))


def crop_pairs(catalog: Catalog, crops: Sequence[Crop], images: NDArray[np.uint8]) -> Pairs:
    """Name images after the classes and photos of crops, and make their LR partners.

    Args:
        catalog: the photos.
        crops: of these photos.
        images: uint8 RGB `[N, 3, H, W]`: the crops, or what was made of them.
    """
    classes = [catalog.classes[crop.class_index] for crop in crops]
    names = [each.photos[crop.photo_index].path for each, crop in zip(classes, crops, strict=True)]
    return Pairs.of_images(tuple(images), [each.name for each in classes], names)


def _catalog(folder: Path, smallest: int, on_bad_image: OnBadImage, monitor: Monitor) -> Catalog:
    catalog = scan(folder, min_size=smallest, on_bad_image=on_bad_image, monitor=monitor)
    for line in decisions(catalog):
        monitor.note(line)
    return catalog


def _pixels(record: PhotoRecord) -> Pixels:
    found = decode_with_digest(record.file, record.path)
    if found.sha256 != record.sha256:
        raise SourceError(f"{record.path}: the file has changed since this run began; start again")
    pixels: Pixels = found.photo.pixels.transpose(2, 0, 1)
    return pixels
