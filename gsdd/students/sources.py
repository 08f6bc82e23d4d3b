"""What a user trains on -> pairs in memory: a `.gsdd` file, or a folder of photos or of a coreset's crops."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gsdd.data.catalog import Catalog, OnBadImage, PhotoRecord, decode_with_digest, scan
from gsdd.data.crops import plan_crops, read_crops
from gsdd.data.decisions import decisions
from gsdd.data.parallel import decoder_warnings_ignored, in_threads
from gsdd.errors import RecipeError, SourceError
from gsdd.pairs.cache import PairCache
from gsdd.pairs.distilled import open as open_distilled
from gsdd.students.pairs import Pairs, Pixels

Note = Callable[[str], None]
Progress = Callable[[str, int, int], None]
Pair = tuple[Pixels, Pixels]


@dataclass(frozen=True)
class Reading:
    """How data are read.

    Attributes:
        subset: of a folder, so many random crops in all, as evenly over the classes as can be; None is whole photos.
        subset_size: side of such a crop in pixels.
        seed: of the crops.
        generator: of a `.gsdd` file; a name or a path of weights, None takes the one that the file names.
        force_generator: take weights that are not those that the file was made with.
        cache: folder that keeps the decoded pairs of a `.gsdd` file; None keeps them in memory.
        device: where the generator runs.
        on_bad_image: skip unusable photos of a folder, or stop at the first.
    """

    subset: int | None = None
    subset_size: int = 128
    seed: int = 0
    generator: str | None = None
    force_generator: bool = False
    cache: Path | None = None
    device: str = "cpu"
    on_bad_image: OnBadImage = "skip"


def read_pairs(data: Path, crop: int, reading: Reading, note: Note, progress: Progress) -> Pairs:
    """Read what to train on; each image is decoded once.

    Args:
        data: a `.gsdd` file, a folder with one folder of photos a class, or a folder of photos.
        crop: side of the HR crops that will be cut; smaller photos are skipped.
        reading: how.
        note: told what is skipped or converted, and where a generator is not exactly that of the file.
        progress: told (stage, images done, images in all).

    Returns:
        The pairs, all in memory.

    Raises:
        SourceError: there is nothing of that name, or no usable photo.
        FormatError: a file that is no sound `.gsdd` file.
        GeneratorError: no usable generator.
        RecipeError: a subset of a `.gsdd` file, or of more crops than there are.
    """
    if data.suffix.lower() == ".csv":
        raise SourceError(f"{data}: a list of crops has no pixels; make the coreset with -o FOLDER, and train on that")
    if not data.is_dir():
        return _of_file(data, reading, note, progress)
    if reading.subset is None:
        return read_folder(data, crop, reading.on_bad_image, note, progress)
    if reading.subset_size < crop:
        raise RecipeError(f"subset_size: got {reading.subset_size}, wanted at least the crop of {crop}")
    return _subset(_catalog(data, reading.subset_size, reading.on_bad_image, note, progress), reading.subset, reading)


def read_folder(folder: Path, smallest: int, on_bad_image: OnBadImage, note: Note, progress: Progress) -> Pairs:
    """Read whole photos.

    Args:
        folder: one folder of photos a class, or photos.
        smallest: least side of a usable photo, in pixels.
        on_bad_image: skip unusable photos, or stop at the first.
        note: told what is skipped or converted.
        progress: told (stage, photos done, photos in all).

    Returns:
        The pairs, class after class.

    Raises:
        SourceError: there is no usable photo, or a bad one and `on_bad_image` is "fail".
    """
    catalog = _catalog(folder, smallest, on_bad_image, note, progress)
    records = [(entry.name, record) for entry in catalog.classes for record in entry.photos]
    with decoder_warnings_ignored():
        images = list(in_threads(_pixels, [record for _, record in records]))
    return Pairs.of_images(images, [name for name, _ in records], [record.path for _, record in records])


def _of_file(data: Path, reading: Reading, note: Note, progress: Progress) -> Pairs:
    if reading.subset is not None:
        raise RecipeError(f"{data}: a subset is of a folder of photos; train on the whole file, or give a folder")
    distilled = open_distilled(data)
    generator, about = distilled.load_generator(reading.generator, device=reading.device, force=reading.force_generator)
    if about:
        note(about)
    cache = PairCache(distilled, lambda: generator, reading.cache, generator.fingerprint)
    pairs = list(_told(map(cache.pair, range(len(distilled))), len(distilled), progress))
    cache.complete()
    classes = [distilled.class_names[number] for number in distilled.class_index.tolist()]
    names = map(distilled.name, range(len(distilled)))
    return Pairs(tuple(hr for _, hr in pairs), tuple(lr for lr, _ in pairs), tuple(classes), tuple(names))


def _told(pairs: Iterator[Pair], total: int, progress: Progress) -> Iterator[Pair]:
    """Tell how many pairs have come: a large generator decodes for minutes."""
    for done, pair in enumerate(pairs, 1):
        progress("decode", done, total)
        yield pair


def _subset(catalog: Catalog, count: int, reading: Reading) -> Pairs:
    classes = len(catalog.classes)
    if count < 1:
        raise RecipeError(f"subset: got {count}, wanted at least one crop")
    counts = [count // classes + (number < count % classes) for number in range(classes)]
    crops = plan_crops(catalog, counts, reading.subset_size, reading.seed)
    pixels = read_crops(catalog, crops, reading.subset_size)
    names = [catalog.classes[crop.class_index].photos[crop.photo_index].path for crop in crops]
    return Pairs.of_images(tuple(pixels), [catalog.classes[crop.class_index].name for crop in crops], names)


def _catalog(folder: Path, smallest: int, on_bad_image: OnBadImage, note: Note, progress: Progress) -> Catalog:
    catalog = scan(
        folder,
        min_size=smallest,
        on_bad_image=on_bad_image,
        progress=lambda done, total: progress("photos", done, total),
    )
    _tell(decisions(catalog), note)
    return catalog


def _tell(lines: Sequence[str], note: Note) -> None:
    for line in lines:
        note(line)


def _pixels(record: PhotoRecord) -> Pixels:
    found = decode_with_digest(record.file, record.path)
    if found.sha256 != record.sha256:
        raise SourceError(f"{record.path}: the file has changed since this run began; start again")
    pixels: Pixels = found.photo.pixels.transpose(2, 0, 1)
    return pixels
