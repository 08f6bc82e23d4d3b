"""What students are trained on: real crops, coresets, and what G makes of latents; equal seeds give equal crops."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gsdd.data.crops import Crop, grid_crops, plan_crops, read_crops
from gsdd.data.degradation import low_resolution, to_float
from gsdd.distilled.decode import decode
from gsdd.distilled.latent_set import read_latents
from gsdd.generators.generator import Generator
from gsdd.recipe import StartingCrops
from gsdd.selection.crop_list import find_crops, read_list
from gsdd.selection.starting import starting_crops
from gsdd.students.models import weights_of
from gsdd.students.pairs import Pairs
from gsdd.students.sources import Reading, crop_pairs, decoded_pairs, read_folder
from gsdd.study.cells import Cell, Workshop
from gsdd.study.making import CoresetCell, DistillationCell
from gsdd.study.photos import Photos
from gsdd.study.storing import StoredCell


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


@dataclass(frozen=True, eq=False)
class Source:
    """Something to train on.

    Attributes:
        label: what tables call it.
        name: what it is, in letters that file names may have.
        identity: everything that decides its pairs, as JSON has it.
        data: gives the pairs.
        needs: cells that make its files.
    """

    label: str
    name: str
    identity: Mapping[str, Any]
    data: Callable[[Workshop], Data]
    needs: tuple[Cell, ...] = ()


def all_crops(photos: Photos, hr_size: int) -> Source:
    """Take all crops of the folder: tiles that do not overlap, from whole photos."""

    def data(workshop: Workshop) -> Data:
        classes = range(len(photos.catalog.classes))
        return _raw(photos, [crop for c in classes for crop in grid_crops(photos.catalog, c, hr_size)], hr_size)

    identity = {"source": "all", "hr_size": hr_size, "train": photos.sha256}
    return Source("all crops of the folder", "all", identity, data)


def whole_photos(photos: Photos, hr_size: int) -> Source:
    """Take all photos as they are; every step cuts its crops anew."""

    def data(workshop: Workshop) -> Data:
        pairs = read_folder(photos.folder, hr_size, "skip", workshop.monitor)
        return Data(pairs, photos.catalog.bytes, "files as found")

    return Source("all photos", "photos", {"source": "photos", "train": photos.sha256}, data)


def random_crops(photos: Photos, hr_size: int, ipc: int, seed: int) -> Source:
    """Take random crops: those that latents of the same seed begin from, where their recipe draws them."""

    def data(workshop: Workshop) -> Data:
        return _raw(photos, plan_crops(photos.catalog, _counts(photos, ipc), hr_size, seed), hr_size)

    identity = {"source": "random", **_common(photos, hr_size, ipc, seed)}
    return Source("random crops", f"random-ipc{ipc}-draw{seed}", identity, data)


def upscaled_crops(photos: Photos, hr_size: int, ipc: int, seed: int, generator: str, method: StartingCrops) -> Source:
    """Take G of the down-sampled crops that latents begin from: what G knows without any distillation."""

    def data(workshop: Workshop) -> Data:
        crops = starting_crops(photos.catalog, _counts(photos, ipc), hr_size, seed, method, device=workshop.device)
        pixels = read_crops(photos.catalog, crops, hr_size)
        model = workshop.generator(generator)
        images = upscaled(model, torch.from_numpy(pixels)).numpy()
        pairs = crop_pairs(photos.catalog, crops, images)
        return Data(pairs, pixels.size // model.scale**2, "LR images, uncompressed")

    common = _common(photos, hr_size, ipc, seed)
    identity = {"source": "upscaled", "generator": weights_of(generator), "crops": method, **common}
    return Source("G(down-sampled crops)", f"upscaled-ipc{ipc}-draw{seed}", identity, data)


def upscaled(generator: Generator, crops: Tensor) -> Tensor:
    """Give G(z) where z is the crop's LR image in 8 bits, as it would be stored.

    Args:
        generator: G.
        crops: HR, uint8 RGB `[N, 3, H, W]`; H and W multiples of the scale.

    Returns:
        uint8 RGB `[N, 3, H, W]` on the CPU.
    """
    return decode(generator, to_float(low_resolution(crops, generator.scale)))


def coreset_crops(made: CoresetCell) -> Source:
    """Take real crops that stand for the folder by a method of `gsdd coreset`."""

    def data(workshop: Workshop) -> Data:
        rows = read_list(workshop.made_file(made, CoresetCell.SUFFIX))
        return _raw(made.photos, find_crops(rows, made.photos.catalog), made.hr_size)

    return Source(f"coreset, {made.method}", made.name, made.identity, data, (made,))


def latents(made: DistillationCell, label: str) -> Source:
    """Take G of the latents of a `.gsdd` file: inverted, or distilled."""

    def data(workshop: Workshop) -> Data:
        path = workshop.made_file(made, DistillationCell.SUFFIX)
        reading = Reading(generator=made.recipe.generator)
        pairs = decoded_pairs([read_latents(path)], reading, workshop.device, workshop.monitor)
        return Data(pairs, path.stat().st_size, ".gsdd")

    return Source(label, made.name, made.identity, data, (made,))


def stored_crops(made: StoredCell, label: str) -> Source:
    """Take real crops as AVIF keeps them, as many as fit into some bytes."""

    def data(workshop: Workshop) -> Data:
        images, classes, size = made.read(workshop)
        names = [made.photos.catalog.classes[number].name for number in classes]
        return Data(Pairs.of_images(tuple(images), names, list(map(str, range(len(images))))), size, "AVIF")

    return Source(label, made.name, made.identity, data, (made,))


def _raw(photos: Photos, crops: Sequence[Crop], hr_size: int) -> Data:
    pixels = read_crops(photos.catalog, crops, hr_size)
    return Data(crop_pairs(photos.catalog, crops, pixels), pixels.nbytes, "pixels, uncompressed")


def _counts(photos: Photos, ipc: int) -> list[int]:
    return [ipc] * len(photos.catalog.classes)


def _common(photos: Photos, hr_size: int, ipc: int, seed: int) -> dict[str, Any]:
    return {"hr_size": hr_size, "ipc": ipc, "seed": seed, "train": photos.sha256}
