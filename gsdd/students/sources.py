"""What a user trains on -> pairs in memory: `.gsdd` files, or a folder of photos or of a coreset's crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsdd.data.catalog import Catalog, PhotoRecord, decode_with_digest, scan
from gsdd.data.crops import Crop, plan_crops, read_crops
from gsdd.data.decisions import decisions
from gsdd.data.degradation import SCALE
from gsdd.data.threads import decoder_warnings_ignored, in_threads
from gsdd.distilled.latent_set import Files, LatentSet, listed, read_files
from gsdd.errors import RecipeError, SourceError
from gsdd.formats.place import place_of
from gsdd.monitor import SILENT, Monitor
from gsdd.pairs.cache import PairCache
from gsdd.pairs.decoder import Decoder
from gsdd.recipe import OnBadImage
from gsdd.students.pairs import Pairs, Pixels
from gsdd.students.recipe import TrainingRecipe


@dataclass(frozen=True)
class Reading:
    """How data are read.

    Attributes:
        subset: of a folder, so many random crops in all, as evenly over the classes as can be; None is whole photos.
        subset_size: side of such a crop in pixels.
        generator: of `.gsdd` files; a name or a path of weights, None takes the one that a file names.
        force_generator: accept weights other than those a file was made with.
        cache: folder that keeps the decoded pairs of a `.gsdd` file; None keeps them in memory.
        on_bad_image: skip unusable photos of a folder, or stop at the first.
    """

    subset: int | None = None
    subset_size: int = 128
    generator: str | None = None
    force_generator: bool = False
    cache: Path | None = None
    on_bad_image: OnBadImage = "skip"


def read_pairs(
    data: Files, recipe: TrainingRecipe, reading: Reading, *, device: str = "cpu", monitor: Monitor = SILENT
) -> Pairs:
    """Read what to train on; each image is decoded once.

    Args:
        data: one or several `.gsdd` files, as for `DistilledPairs`; a folder with one folder of photos a class, or a
            folder of photos.
        recipe: of the training: photos smaller than its crops are skipped, and its seed draws a subset.
        reading: how.
        device: where the generator runs.
        monitor: told how many images are read, what is skipped or converted, and where a generator is not exactly that
            of the file.

    Returns:
        The pairs, all in memory.

    Raises:
        SourceError: there is nothing of that name, no usable photo, or a folder beside other data.
        FormatError: a file that is no sound `.gsdd` file.
        GeneratorError: no usable generator.
        RecipeError: a subset of a `.gsdd` file, or of more crops than there are.
    """
    places = [place_of(place) for place in listed(data)]
    paths = [place for place in places if isinstance(place, Path)]
    if len(places) == 1 and paths and paths[0].is_dir():
        return _of_folder(paths[0], recipe, reading, monitor)
    for path in paths:
        if path.suffix.lower() == ".csv":
            raise SourceError(
                f"{path}: a list of crops has no pixels; make the coreset as a folder, and train on that folder"
            )
        if path.is_dir():
            raise SourceError(f"{path}: is a folder among several data; train on one folder, or on .gsdd files")
    if reading.subset is not None:
        raise RecipeError(f"{places[0]}: a subset is of a folder of photos; train on whole files, or give a folder")
    return decoded_pairs(read_files(data), reading, device, monitor, recipe.scale)


def _of_folder(folder: Path, recipe: TrainingRecipe, reading: Reading, monitor: Monitor) -> Pairs:
    if reading.subset is None:
        return read_folder(folder, recipe.crop, reading.on_bad_image, monitor, recipe.scale)
    if reading.subset_size < recipe.crop:
        raise RecipeError(f"`subset_size`: got {reading.subset_size}, wanted at least the crop of {recipe.crop}")
    catalog = _catalog(folder, reading.subset_size, reading.on_bad_image, monitor)
    return _subset(catalog, reading.subset, reading.subset_size, recipe)


def read_folder(folder: Path, smallest: int, on_bad_image: OnBadImage, monitor: Monitor, scale: int = SCALE) -> Pairs:
    """Read whole photos.

    Args:
        folder: one folder of photos a class, or photos.
        smallest: least side of a usable photo, in pixels.
        on_bad_image: skip unusable photos, or stop at the first.
        monitor: told how many photos are read, and what is skipped or converted.
        scale: HR side / LR side.

    Returns:
        The pairs, class after class.

    Raises:
        SourceError: there is no usable photo, or a bad one and `on_bad_image` is "fail".
    """
    catalog = _catalog(folder, smallest, on_bad_image, monitor)
    records = [(entry.name, record) for entry in catalog.classes for record in entry.photos]
    with decoder_warnings_ignored():
        images = list(in_threads(_pixels, [record for _, record in records]))
    return Pairs.of_images(images, [name for name, _ in records], [record.path for _, record in records], scale)


def decoded_pairs(
    sets: Sequence[LatentSet], reading: Reading, device: str, monitor: Monitor = SILENT, scale: int = SCALE
) -> Pairs:
    """Decode the latents of `.gsdd` files.

    Args:
        sets: what the files hold.
        reading: with which generator, and where the pairs are kept.
        device: where it runs.
        monitor: told how many images are decoded: a large generator takes minutes.
        scale: HR side / LR side.

    Returns:
        The pairs, file after file.

    Raises:
        GeneratorError: no usable generator.
        OutputError: no room for the pairs.
    """
    decoder = Decoder(reading.generator, device, reading.force_generator, monitor)
    cache = PairCache(sets, decoder, reading.cache, scale)
    # Copied: where the cache is temporary, it goes at the end of this call.
    lr, hr = zip(*(map(np.array, cache.pair(number)) for number in range(len(cache))), strict=True)
    classes = [each.class_names[number] for each in sets for number in each.class_index.tolist()]
    names = tuple(each.name(number) for each in sets for number in range(len(each)))
    return Pairs(hr, lr, tuple(classes), names, scale)


def _subset(catalog: Catalog, count: int, size: int, recipe: TrainingRecipe) -> Pairs:
    classes = len(catalog.classes)
    if count < 1:
        raise RecipeError(f"`subset`: got {count}, wanted at least one crop")
    counts = [count // classes + (number < count % classes) for number in range(classes)]
    crops = plan_crops(catalog, counts, size, recipe.seed)
    return crop_pairs(catalog, crops, read_crops(catalog, crops, size), recipe.scale)


def crop_pairs(catalog: Catalog, crops: Sequence[Crop], images: NDArray[np.uint8], scale: int = SCALE) -> Pairs:
    """Name images after the classes and photos of crops, and make their LR partners.

    Args:
        catalog: the photos.
        crops: of these photos.
        images: uint8 RGB `[N, 3, H, W]`: the crops, or what was made of them.
        scale: HR side / LR side.
    """
    classes = [catalog.classes[crop.class_index] for crop in crops]
    names = [each.photos[crop.photo_index].path for each, crop in zip(classes, crops, strict=True)]
    return Pairs.of_images(tuple(images), [each.name for each in classes], names, scale)


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
