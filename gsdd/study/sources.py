"""What students are trained on: real crops, coresets, and what G makes of latents; equal seeds give equal crops."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from gsdd.baselines.crop_list import find_crops, read_list
from gsdd.baselines.starting import starting_crops
from gsdd.baselines.upscaled import upscaled
from gsdd.data.crops import Crop, grid_crops, plan_crops, read_crops
from gsdd.distill.recipe import StartingCrops
from gsdd.pairs.distilled import open as open_distilled
from gsdd.students.pairs import Pairs
from gsdd.students.sources import read_folder
from gsdd.study.cells import Cell, Workshop
from gsdd.study.making import CoresetCell, DistillationCell
from gsdd.study.models import weights_of
from gsdd.study.photos import Photos
from gsdd.study.storing import StoredCell

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Data:
    """Pairs that a source gives, and what they take on disk.

    Attributes:
        pairs: to train on.
        bytes: of the file that holds them; of crops that no codec has seen, their pixels.
        codec: how they are held.
    """

    pairs: Pairs
    bytes: int
    codec: str


class Source(Protocol):
    """Something to train on."""

    @property
    def label(self) -> str:
        """What tables call it."""

    @property
    def name(self) -> str:
        """What it is, in letters that file names may have."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its pairs."""

    @property
    def needs(self) -> Sequence[Cell]:
        """Cells that make its files."""

    def data(self, workshop: Workshop) -> Data:
        """Give the pairs."""


@dataclass(frozen=True)
class AllCrops:
    """All crops of the folder: tiles that do not overlap, from whole photos."""

    photos: Photos
    hr_size: int
    label: str = "all crops of the folder"
    needs: tuple[Cell, ...] = ()

    @property
    def name(self) -> str:
        """What it is."""
        return "all"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its pairs."""
        return {"source": "all", "hr_size": self.hr_size, "train": self.photos.sha256}

    def data(self, workshop: Workshop) -> Data:
        """Give the pairs."""
        classes = range(len(self.photos.catalog.classes))
        return _raw(self.photos, [crop for c in classes for crop in grid_crops(self.photos.catalog, c, self.hr_size)],
                    self.hr_size)  # fmt: skip


@dataclass(frozen=True)
class WholePhotos:
    """All photos as they are; every step cuts its crops anew."""

    photos: Photos
    hr_size: int
    label: str = "all photos"
    needs: tuple[Cell, ...] = ()

    @property
    def name(self) -> str:
        """What it is."""
        return "photos"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its pairs."""
        return {"source": "photos", "train": self.photos.sha256}

    def data(self, workshop: Workshop) -> Data:
        """Give the pairs."""
        pairs = read_folder(self.photos.folder, self.hr_size, "skip", workshop.note, workshop.progress)
        return Data(pairs, self.photos.catalog.bytes, "files as found")


@dataclass(frozen=True)
class RandomCrops:
    """Random crops: those that latents of the same seed begin from, where their recipe draws them."""

    photos: Photos
    hr_size: int
    ipc: int
    seed: int
    label: str = "random crops"
    needs: tuple[Cell, ...] = ()

    @property
    def name(self) -> str:
        """What it is."""
        return f"random-ipc{self.ipc}-draw{self.seed}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its pairs."""
        return {"source": "random", **_common(self.photos, self.hr_size, self.ipc, self.seed)}

    def data(self, workshop: Workshop) -> Data:
        """Give the pairs."""
        counts = [self.ipc] * len(self.photos.catalog.classes)
        return _raw(self.photos, plan_crops(self.photos.catalog, counts, self.hr_size, self.seed), self.hr_size)


@dataclass(frozen=True)
class UpscaledCrops:
    """G of the down-sampled crops that latents begin from: what the generator knows without any distillation."""

    photos: Photos
    hr_size: int
    ipc: int
    seed: int
    generator: str
    crops: StartingCrops = "random"
    label: str = "G(down-sampled crops)"
    needs: tuple[Cell, ...] = ()

    @property
    def name(self) -> str:
        """What it is."""
        return f"upscaled-ipc{self.ipc}-draw{self.seed}"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its pairs."""
        common = _common(self.photos, self.hr_size, self.ipc, self.seed)
        return {"source": "upscaled", "generator": weights_of(self.generator), "crops": self.crops, **common}

    def data(self, workshop: Workshop) -> Data:
        """Give the pairs."""
        counts = [self.ipc] * len(self.photos.catalog.classes)
        crops = starting_crops(self.photos.catalog, counts, self.hr_size, self.seed, self.crops)
        pixels = read_crops(self.photos.catalog, crops, self.hr_size)
        generator = workshop.generator(self.generator)
        images = upscaled(generator, torch.from_numpy(pixels)).numpy()
        latents = pixels.size // generator.scale**2
        return Data(_pairs(self.photos, crops, images), latents, "LR images, uncompressed")


MadeBy = TypeVar("MadeBy", bound=Cell)


@dataclass(frozen=True)
class _OfCell(Generic[MadeBy]):
    """A source that is what a cell made.

    Attributes:
        made: the cell; it decides the pairs.
        label: what tables call it.
    """

    made: MadeBy
    label: str = ""

    @property
    def name(self) -> str:
        """What it is."""
        return self.made.name

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides its pairs."""
        return self.made.identity

    @property
    def needs(self) -> tuple[Cell, ...]:
        """What makes its files."""
        return (self.made,)


class Coreset(_OfCell[CoresetCell]):
    """Real crops that stand for the folder by a method of `gsdd coreset`."""

    def data(self, workshop: Workshop) -> Data:
        """Give the pairs."""
        rows = read_list(workshop.made_file(self.made, CoresetCell.SUFFIX))
        return _raw(self.made.photos, find_crops(rows, self.made.photos.catalog), self.made.hr_size)


class Latents(_OfCell[DistillationCell]):
    """G of the latents of a `.gsdd` file: inverted, or distilled."""

    def data(self, workshop: Workshop) -> Data:
        """Give the pairs."""
        path = workshop.made_file(self.made, DistillationCell.SUFFIX)
        distilled = open_distilled(path)
        images = distilled.decode(workshop.generator(self.made.generator), slice(None)).numpy()
        classes = [distilled.class_names[number] for number in distilled.class_index.tolist()]
        names = list(map(distilled.name, range(len(distilled))))
        return Data(Pairs.of_images(tuple(images), classes, names), path.stat().st_size, ".gsdd")


@dataclass(frozen=True)
class StoredCrops(_OfCell[StoredCell]):
    """Random crops as AVIF keeps them, as many as fit into the bytes of a `.gsdd` file."""

    label: str = "random crops as AVIF"

    def data(self, workshop: Workshop) -> Data:
        """Give the pairs."""
        images, classes, size = self.made.read(workshop)
        catalog = self.made.rival.photos.catalog
        names = [catalog.classes[number].name for number in classes]
        return Data(Pairs.of_images(tuple(images), names, list(map(str, range(len(images))))), size, "AVIF")


def _raw(photos: Photos, crops: Sequence[Crop], hr_size: int) -> Data:
    pixels = read_crops(photos.catalog, crops, hr_size)
    return Data(_pairs(photos, crops, pixels), pixels.nbytes, "pixels, uncompressed")


def _pairs(photos: Photos, crops: Sequence[Crop], images: Images) -> Pairs:
    found = [photos.catalog.classes[crop.class_index] for crop in crops]
    names = [each.photos[crop.photo_index].path for each, crop in zip(found, crops, strict=True)]
    return Pairs.of_images(tuple(images), [each.name for each in found], names)


def _common(photos: Photos, hr_size: int, ipc: int, seed: int) -> dict[str, Any]:
    return {"hr_size": hr_size, "ipc": ipc, "seed": seed, "train": photos.sha256}
