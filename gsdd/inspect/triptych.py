"""Some latents of a file as pictures: the real crop, the image of the inverted latent, that of the distilled one."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gsdd.data.catalog import Catalog
from gsdd.data.crops import Crop, read_crops
from gsdd.data.degradation import to_float, to_uint8
from gsdd.distill.run import Run
from gsdd.distilled.decode import decode
from gsdd.distilled.latent_set import LatentSet
from gsdd.errors import RecipeError
from gsdd.generators.generator import Generator
from gsdd.inspect.planned import planned_crops
from gsdd.inspect.reinvert import invert_again, recipe_of
from gsdd.metrics.psnr import psnr
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.device import announcing, pick_device
from gsdd.run.execution import searching
from gsdd.run.trace import Trace

PER_CLASS = 4

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Column:
    """One image of each latent that is shown.

    Attributes:
        heading: what the images are.
        images: uint8 `[N, 3, H, W]`.
        captions: a text for each: the photo of a real crop, else the PSNR to that.
        decibels: PSNR of each to its real crop, RGB, no border shaved; none without one.
    """

    heading: str
    images: Images
    captions: tuple[str, ...]
    decibels: tuple[float, ...] = ()

    def first(self, count: int) -> "Column":
        """Give the first images alone."""
        return Column(self.heading, self.images[:count], self.captions[:count], self.decibels[:count])


@dataclass(frozen=True)
class Triptych:
    """The same latents in each column.

    Attributes:
        numbers: of the latents, in file order.
        columns: real crop, inverted and distilled, or distilled alone.
        catalog: the photos of the real crops, if there are any.
    """

    numbers: tuple[int, ...]
    columns: tuple[Column, ...]
    catalog: Catalog | None = None

    def first(self, count: int) -> "Triptych":
        """Give the first latents alone."""
        return replace(self, numbers=self.numbers[:count], columns=tuple(each.first(count) for each in self.columns))

    def by_class(self, distilled: LatentSet) -> Iterator[tuple[str, str, list[int]]]:
        """Give of each class that is shown its name, how many of its latents are, and their places here.

        Args:
            distilled: the file.
        """
        places: list[list[int]] = [[] for _ in distilled.class_names]
        for place, number in enumerate(self.numbers):
            places[int(distilled.class_index[number])].append(place)
        for entry, found in zip(distilled.manifest.classes, places, strict=True):
            if found:
                yield entry.name, f"{len(found)} of {entry.latents}", found


@dataclass(frozen=True)
class Drawing:
    """How images are had for a drawing.

    Attributes:
        source: the folder of photos; the inversion is made again for it.
        trace: of the run that made the file, which needs no inversion; it goes before the source.
        generator: a named generator or a path of weights; None takes the one that the file names.
        feature_weights: the weights of psi, if the run was given some; for the inversion.
        device: where the generator runs.
        force_generator: use a generator whose weights are not those that the file was made with.
        monitor: told of the inversion, and of a generator that is not exactly the file's.
    """

    source: Path | None = None
    trace: Trace | None = None
    generator: str | None = None
    feature_weights: Path | None = None
    device: str = "auto"
    force_generator: bool = False
    monitor: Monitor = SILENT

    @property
    def columns(self) -> int:
        """Images of each latent that there will be."""
        return 1 if self.source is None and self.trace is None else 3


def check_per_class(per_class: int) -> None:
    """Refuse to show nothing."""
    if per_class < 1:
        raise RecipeError(f"latents a class: got {per_class}, wanted at least 1")


def first_of_each_class(class_index: Sequence[int], per_class: int, most: int) -> Iterator[int]:
    """Number the first latents of the first classes.

    Args:
        class_index: the class of each latent.
        per_class: latents of a class, at most.
        most: classes.
    """
    seen = Counter[int]()
    for number, index in enumerate(class_index):
        if index < most and seen[index] < per_class:
            yield number
        seen[index] += 1


def triptych(distilled: LatentSet, numbers: Sequence[int], how: Drawing) -> Triptych:
    """Make the images of some latents.

    Args:
        distilled: the file.
        numbers: of the latents.
        how: what there is beside the file, and what computes.

    Raises:
        FormatError: the file is damaged.
        GeneratorError: the generator is not installed, or not the one of the file.
        RecipeError: an option has no meaning.
        SourceError: the folder is not the one that the file was made from.
    """
    model, monitor = _generator(distilled, how)
    columns, catalog = list[Column](), None
    if how.trace is not None:
        catalog = how.trace.catalog
        columns = _of_run(how.trace, distilled, numbers, model)
    elif how.source is not None:
        run = Run(recipe_of(distilled.manifest, how.feature_weights), model, monitor)
        with searching(run):
            catalog, columns = _inverted_again(distilled, how.source, numbers, run)
    columns.append(compared("distilled", distilled.decode(model, numbers).numpy(), columns))
    return Triptych(tuple(numbers), tuple(columns), catalog)


def _generator(distilled: LatentSet, how: Drawing) -> tuple[Generator, Monitor]:
    """Give G, that of the run where there is one, and a monitor that has heard where it computes."""
    if how.trace is not None:
        return how.trace.generator, how.monitor
    place = pick_device(how.device)
    monitor = announcing(how.monitor, how.device, place)
    model, note = distilled.load_generator(how.generator, device=place, force=how.force_generator)
    if note:
        monitor.note(note)
    return model, monitor


def compared(heading: str, images: Images, earlier: Sequence[Column]) -> Column:
    """Tell how near images are to the real crops, which are the first of the earlier columns if there are any."""
    if not earlier:
        return Column(heading, images, ("",) * len(images))
    decibels = psnr(torch.from_numpy(images), torch.from_numpy(earlier[0].images)).tolist()
    return Column(heading, images, tuple(f"{value:.1f} dB" for value in decibels), tuple(decibels))


def _of_run(trace: Trace, distilled: LatentSet, numbers: Sequence[int], model: Generator) -> list[Column]:
    crops = [trace.crops[number] for number in numbers]
    pixels = read_crops(trace.catalog, crops, distilled.manifest.hr_size, in_full=True)
    real = _real(trace.catalog, crops, pixels)
    images = decode(model, trace.inverted.latents[list(numbers)], grey=distilled.manifest.source.grey)
    return [real, compared("inverted", images.numpy(), [real])]


def _inverted_again(
    distilled: LatentSet, source: Path, numbers: Sequence[int], run: Run
) -> tuple[Catalog, list[Column]]:
    catalog, planned = planned_crops(distilled, source, run.monitor, run.generator.device)
    crops = [planned[number] for number in numbers]
    pixels = read_crops(catalog, crops, distilled.manifest.hr_size, in_full=True)
    real = _real(catalog, crops, pixels)
    return catalog, [real, compared("inverted", invert_again(run, catalog, pixels, numbers), [real])]


def _real(catalog: Catalog, crops: Sequence[Crop], pixels: NDArray[np.uint8] | NDArray[np.float32]) -> Column:
    names = [catalog.classes[crop.class_index].photos[crop.photo_index].path for crop in crops]
    images = to_uint8(to_float(torch.from_numpy(pixels))).numpy()
    return Column("real crop", images, tuple(Path(name).name for name in names))
