"""What a distilled file saves, against the photos as found and against what image codecs reach without it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsdd.data.catalog import Catalog, PhotoRecord, decode_with_digest, scan
from gsdd.data.folders import find_photos
from gsdd.data.threads import decoder_warnings_ignored, in_threads
from gsdd.errors import RecipeError
from gsdd.formats import container
from gsdd.formats.manifest import GENERATOR, Manifest
from gsdd.formats.place import Place, place_of
from gsdd.inspect.herded import herded_bytes
from gsdd.monitor import SILENT, Monitor
from gsdd.randomness import numpy_stream

SAMPLE = 16
FP16_BYTES = 2
FP32_BYTES = 4

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Codec:
    """A lossless or lossy image codec of Pillow, with its setting."""

    name: str
    format: str
    quality: int | None = None

    def size(self, pixels: Pixels) -> int:
        """Measure how many bytes an image takes.

        Args:
            pixels: uint8 RGB `[H, W, 3]`.
        """
        setting = {"optimize": True, "lossless": True} if self.quality is None else {"quality": self.quality}
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, self.format, **setting)
        return buffer.getbuffer().nbytes


CODECS = (Codec("PNG", "PNG"), Codec("WebP lossless", "WEBP"), Codec("AVIF q75", "AVIF", 75))


@dataclass(frozen=True)
class Baseline:
    """Another way of keeping images, and what the file saves against it.

    Args:
        name: what is kept, and how.
        bytes: its size.
        estimated: whether the size is scaled up from a sample.
        saved: 1 - file / bytes; negative where the file is the larger.
        saved_with_generator: 1 - (file + generator) / bytes.
    """

    name: str
    bytes: int
    estimated: bool
    saved: float
    saved_with_generator: float


@dataclass(frozen=True)
class InItsPlace:
    """How many real crops the same bytes hold: herded ones, as AVIF.

    Args:
        quality: of AVIF.
        crops: in the bytes of the file, about.
        crops_with_generator: in those of the file and its generator, about.
    """

    quality: int
    crops: int
    crops_with_generator: int


@dataclass(frozen=True)
class Savings:
    """The storage report of one file.

    Args:
        source: the folder of photos.
        file: the `.gsdd` file.
        images: photos in the source that can be used.
        latents: images that the file gives back.
        images_saved: 1 - latents / images; this count is the paper's 93.2 %.
        hr_size: side of an image that the file gives back, pixels.
        file_bytes: size of the file, without the generator if that is inside.
        bits_per_hr_pixel: bits of the file for each HR pixel that it gives back.
        generator: name of the generator.
        generator_bytes: its weights as they are in the file; where they are not, at 2 bytes each (fp16), as the weights
            packages store them.
        embedded: whether they are in the file.
        generator_bytes_fp32: its weights at 4 bytes each.
        sampled: photos that were re-encoded to estimate the codecs' sizes.
        whole_source: all photos, as found and re-encoded.
        random_crops: as many random crops of the photos, of the same size, re-encoded.
        in_its_place: the crops that `compress` would begin from, as many as the file's bytes hold as AVIF: what a file
            has to be better than. docs/results.md says what a student learns from either.
        note: says that the folder is not the one that the file was made from, if so.
    """

    source: str
    file: str
    images: int
    latents: int
    images_saved: float
    hr_size: int
    file_bytes: int
    bits_per_hr_pixel: float
    generator: str
    generator_bytes: int
    embedded: bool
    generator_bytes_fp32: int
    sampled: int
    whole_source: tuple[Baseline, ...]
    random_crops: tuple[Baseline, ...]
    in_its_place: tuple[InItsPlace, ...]
    note: str | None

    def to_dict(self) -> dict[str, Any]:
        """Give the report as JSON values."""
        return asdict(self)


def savings(
    source: str | PathLike[str],
    file: str | PathLike[str],
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> Savings:
    """Compare a file with the photos that it was made from.

    Args:
        source: the folder of photos.
        file: the `.gsdd` file, or its URL.
        sample: how many photos to re-encode; all of them give exact sizes.
        seed: picks the sample and the crops.
        monitor: told of photos read and re-encoded, and of a folder that is not the one that the file was made from.

    Returns:
        Counts and bytes, measured on this machine.

    Raises:
        FormatError: the file is damaged.
        SourceError: the folder holds no usable photo.
        RecipeError: the sample is empty.
    """
    _check_sample(sample)
    place = place_of(file)
    contents = container.read(place)
    folder, _ = find_photos(Path(source))
    together = "classes" in contents.manifest.recipe
    catalog = scan(folder, min_size=contents.manifest.hr_size, together=together, monitor=monitor)
    return savings_of(catalog, contents, place, sample=sample, seed=seed, monitor=monitor)


def savings_of(
    catalog: Catalog,
    contents: container.Contents,
    file: Place,
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> Savings:
    """Compare what was read of a file with photos that were looked at already.

    Args:
        catalog: the photos.
        contents: of the file.
        file: its name.
        sample: as for `savings`, and so are the rest.
        seed: picks the sample and the crops.
        monitor: told of photos re-encoded, and of a folder that is not the one that the file was made from.
    """
    _check_sample(sample)
    records = sample_photos(catalog, sample, seed)
    measured = _measure(records, contents.manifest.hr_size, seed, monitor)
    herded = herded_bytes(catalog, records, contents.manifest.hr_size, seed)
    report = _report(catalog, contents, file, measured, herded)
    if report.note:
        monitor.note(report.note)
    return report


def _check_sample(sample: int) -> None:
    if sample < 1:
        raise RecipeError(f"sample: got {sample} photos, wanted at least 1")


def sample_photos(catalog: Catalog, count: int, seed: int) -> tuple[PhotoRecord, ...]:
    """Pick photos at equal steps through the classes, from a random start.

    Every photo is as likely as any other, and a class gets its share: systematic sampling.

    Args:
        catalog: the photos.
        count: how many, at most; all if there are fewer.
        seed: of the start.
    """
    photos = [record for each in catalog.classes for record in each.photos]
    if count >= len(photos):
        return tuple(photos)
    step = len(photos) / count
    start = float(numpy_stream(seed, "savings sample").uniform(0, step))
    return tuple(photos[min(int(start + step * number), len(photos) - 1)] for number in range(count))


@dataclass(frozen=True)
class _Sizes:
    """Bytes in each codec of one photo and of a random crop of it."""

    pixels: int
    photo: tuple[int, ...]
    crop: tuple[int, ...]


def _measure(records: Sequence[PhotoRecord], hr_size: int, seed: int, monitor: Monitor) -> list[_Sizes]:
    def measure(numbered: tuple[int, PhotoRecord]) -> _Sizes:
        number, record = numbered
        pixels = decode_with_digest(record.file, record.path).photo.pixels
        crop = _random_crop(pixels, hr_size, numpy_stream(seed, "savings crop", number))
        photo_sizes, crop_sizes = (tuple(codec.size(image) for codec in CODECS) for image in (pixels, crop))
        return _Sizes(pixels.shape[0] * pixels.shape[1], photo_sizes, crop_sizes)

    sizes = []
    with decoder_warnings_ignored():
        for done, measured in enumerate(in_threads(measure, enumerate(records)), start=1):
            sizes.append(measured)
            monitor.progress("re-encoding", done, len(records))
    return sizes


def _random_crop(pixels: Pixels, side: int, draws: np.random.Generator) -> Pixels:
    top, left = (int(draws.integers(0, length - side + 1)) for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def bytes_of(contents: container.Contents) -> tuple[int, int]:
    """Count the bytes of a file without its generator, and those of the generator: as embedded, or else in fp16."""
    generator = contents.manifest.generator
    inside = contents.tensors[GENERATOR].nbytes if generator.embedded else 0
    return contents.size - inside, inside or generator.parameters * FP16_BYTES


def _report(
    catalog: Catalog,
    contents: container.Contents,
    file: Place,
    measured: Sequence[_Sizes],
    herded: Mapping[int, float],
) -> Savings:
    manifest = contents.manifest
    file_bytes, generator_bytes = bytes_of(contents)
    spent = (file_bytes, file_bytes + generator_bytes)
    return Savings(
        source=str(catalog.root),
        file=str(file),
        images=catalog.images,
        latents=manifest.latents,
        images_saved=1 - manifest.latents / catalog.images,
        hr_size=manifest.hr_size,
        file_bytes=file_bytes,
        bits_per_hr_pixel=file_bytes * 8 / (manifest.latents * manifest.hr_size**2),
        generator=manifest.generator.name,
        generator_bytes=generator_bytes,
        embedded=bool(manifest.generator.embedded),
        generator_bytes_fp32=manifest.generator.parameters * FP32_BYTES,
        sampled=len(measured),
        whole_source=(baseline("as found", catalog.bytes, False, spent), *_recoded(catalog, measured, spent)),
        random_crops=tuple(_crops(manifest.latents, measured, spent)),
        in_its_place=tuple(
            InItsPlace(quality, *(int(size / each) for size in spent)) for quality, each in herded.items()
        ),
        note=_stranger(catalog, manifest),
    )


def _recoded(catalog: Catalog, measured: Sequence[_Sizes], spent: tuple[int, int]) -> Iterator[Baseline]:
    pixels = sum(record.width * record.height for each in catalog.classes for record in each.photos)
    scale = pixels / sum(each.pixels for each in measured)
    for index, codec in enumerate(CODECS):
        size = sum(each.photo[index] for each in measured) * scale
        yield baseline(codec.name, size, len(measured) < catalog.images, spent)


def _crops(latents: int, measured: Sequence[_Sizes], spent: tuple[int, int]) -> Iterator[Baseline]:
    for index, codec in enumerate(CODECS):
        mean = sum(each.crop[index] for each in measured) / len(measured)
        yield baseline(codec.name, mean * latents, True, spent)


def baseline(name: str, size: float, estimated: bool, spent: tuple[int, int]) -> Baseline:
    """Tell what a file saves against another way of keeping images.

    Args:
        name: of that way.
        size: that it takes in bytes, more than 0.
        estimated: whether that was measured on some of the images.
        spent: bytes of the file, and of the file and its generator.
    """
    size = round(size)
    saved, saved_with_generator = (1 - each / size for each in spent)
    return Baseline(name, size, estimated, saved, saved_with_generator)


def _stranger(catalog: Catalog, manifest: Manifest) -> str | None:
    used = manifest.source.images + sum(manifest.source.dropped.values())
    if catalog.sha256 == manifest.source.sha256 or (manifest.source.dropped and catalog.images == used):
        return None
    return (
        f"{catalog.root} is not the folder that the file was made from, or has changed since: it has {catalog.images} "
        f"photos of {catalog.bytes} bytes, the file was made from {manifest.source.images} of {manifest.source.bytes}"
    )
