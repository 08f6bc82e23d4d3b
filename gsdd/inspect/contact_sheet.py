"""A contact sheet: per class the real crop, the inverted and the distilled image, as in the paper's Fig. 3."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray

from gsdd.data.catalog import Catalog
from gsdd.data.crops import Crop, crops_digest, read_crops
from gsdd.data.degradation import to_float, to_uint8
from gsdd.data.folders import find_photos
from gsdd.distill.run import Run
from gsdd.distilled.latent_set import LatentSet, read_latents
from gsdd.errors import FormatError, OutputError, RecipeError, SourceError
from gsdd.formats.atomic import check_output, write_atomically
from gsdd.formats.manifest import Manifest
from gsdd.formats.origins import crops_of, origins_of
from gsdd.formats.text import shown
from gsdd.inspect.reinvert import invert_again, recipe_of
from gsdd.inspect.sheet import MIN_TILE, Row, Tile, draw_sheet
from gsdd.metrics.psnr import psnr
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.device import announcing, pick_device
from gsdd.recipe import StartingCrops, from_record
from gsdd.run.execution import searching
from gsdd.selection.sorting import sorted_photos
from gsdd.selection.starting import starting_crops

PER_CLASS = 4
# Of a sheet, about.
MOST_PIXELS = 64 * 10**6
CPU = torch.device("cpu")

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class ContactSheet:
    """A sheet that was drawn.

    Args:
        path: the PNG file.
        width: in pixels.
        height: in pixels.
    """

    path: Path
    width: int
    height: int


@dataclass(frozen=True)
class _Column:
    """One image of each latent that is shown, and a text for each."""

    heading: str
    images: Images
    captions: tuple[str, ...]


def contact_sheet(
    file: str | PathLike[str] | LatentSet,
    output: str | PathLike[str],
    *,
    source: str | PathLike[str] | None = None,
    generator: str | None = None,
    feature_weights: Path | None = None,
    per_class: int = PER_CLASS,
    device: str = "auto",
    force: bool = False,
    force_generator: bool = False,
    monitor: Monitor = SILENT,
) -> ContactSheet:
    """Draw the first latents of every class, a row a class.

    Args:
        file: the `.gsdd` file, its URL, or what was read of it.
        output: the PNG file to write.
        source: the folder of photos it was made from; adds the real crop, the image that the inversion gave (which is
            computed again: the file holds only what distillation made of it) and the PSNR of each to the crop.
        generator: a named generator or a path of weights; None takes the one that the file names.
        feature_weights: the weights of psi, if the run was given some; for the inverted images.
        per_class: latents of a class that are shown, at most.
        device: where the generator runs.
        force: replace the output if it exists.
        force_generator: use a generator whose weights are not those that the file was made with.
        monitor: told of the inversion, and of a generator that is not exactly the file's.

    Returns:
        Where the sheet is, and its size.

    Raises:
        FormatError: the file is damaged.
        GeneratorError: the generator is not here, or not the file's.
        OutputError: the output exists, is not named .png, or cannot be written.
        RecipeError: an option has no meaning.
        SourceError: the folder is not the one that the file was made from.
    """
    _check(Path(output), per_class, force)
    distilled = file if isinstance(file, LatentSet) else read_latents(file)
    most = _most_classes(distilled.manifest.hr_size, per_class, columns=1 if source is None else 3)
    shown = list(_first_of_each_class(distilled.class_index.tolist(), per_class, most))
    if most < len(distilled.class_names):
        monitor.note(f"the sheet shows the first {most} of {len(distilled.class_names)} classes")
    place = pick_device(device)
    monitor = announcing(monitor, device, place)
    model, note = distilled.load_generator(generator, device=place, force=force_generator)
    if note:
        monitor.note(note)
    columns = []
    if source is not None:
        run = Run(recipe_of(distilled.manifest, feature_weights), model, monitor)
        with searching(run):
            columns = _real_and_inverted(distilled, Path(source), shown, run)
    columns.append(_compared("distilled", distilled.decode(model, shown).numpy(), columns))
    sheet = draw_sheet(
        distilled.path.name, _facts(distilled, columns), [c.heading for c in columns], _rows(distilled, shown, columns)
    )
    buffer = BytesIO()
    sheet.save(buffer, "png", optimize=True)
    write_atomically(Path(output), buffer.getvalue(), force=force, follow=True)
    return ContactSheet(Path(output), sheet.width, sheet.height)


def _check(output: Path, per_class: int, force: bool) -> None:
    if output.suffix.lower() != ".png":
        raise OutputError(f"{output}: a contact sheet is a PNG file; give a name that ends in .png")
    if per_class < 1:
        raise RecipeError(f"latents a class: got {per_class}, wanted at least 1")
    check_output(output, force=force)


def _most_classes(hr_size: int, per_class: int, columns: int) -> int:
    """Say how many classes a sheet has room for: one of thousands would take all memory, and nobody look at it."""
    tile = hr_size + MIN_TILE
    return max(1, MOST_PIXELS // (tile * tile * per_class * columns))


def _first_of_each_class(class_index: Sequence[int], per_class: int, most: int) -> Iterator[int]:
    """Number the first latents of the first classes."""
    seen = Counter[int]()
    for number, index in enumerate(class_index):
        if index < most and seen[index] < per_class:
            yield number
        seen[index] += 1


def _real_and_inverted(distilled: LatentSet, source: Path, shown: Sequence[int], run: Run) -> list[_Column]:
    catalog, planned = planned_crops(distilled, source, run.monitor, run.generator.device)
    chosen = [planned[number] for number in shown]
    names = [catalog.classes[crop.class_index].photos[crop.photo_index].path for crop in chosen]
    crops = read_crops(catalog, chosen, distilled.manifest.hr_size, in_full=True)
    images = to_uint8(to_float(torch.from_numpy(crops))).numpy()
    real = _Column("real crop", images, tuple(Path(name).name for name in names))
    return [real, _compared("inverted", invert_again(run, catalog, crops, shown), [real])]


def planned_crops(
    distilled: LatentSet, source: Path, monitor: Monitor = SILENT, device: str | torch.device = CPU
) -> tuple[Catalog, tuple[Crop, ...]]:
    """Find the real crop that each latent of a file started from.

    Args:
        distilled: the file.
        source: the folder of photos it was made from.
        monitor: told of the photos, and of the crops that are looked at.
        device: where herding looks at them first; then the CPU does, where runs of before did on any machine.

    Returns:
        The catalog of the folder, and a crop a latent.

    Raises:
        SourceError: the folder is not the one that the file was made from, or there were several.
        FormatError: the file does not say how its crops were chosen.
    """
    manifest = distilled.manifest
    origins = len(origins_of(manifest, distilled.path))
    if origins > 1:
        raise SourceError(
            f"{distilled.path}: was merged from {origins} runs, each with its own crops; give one of the files "
            "that were merged, or no source"
        )
    seed, method = _choice(distilled)
    catalog = _photos_of(distilled, source, monitor)
    counts = {each.name: each.latents for each in manifest.classes}
    if catalog.sha256 != manifest.source.sha256 or not counts.keys() <= {each.name for each in catalog.classes}:
        raise SourceError(
            f"{source}: not the folder that {distilled.path} was made from, or changed since (photos with sha256 "
            f"{catalog.sha256[:16]}, wanted {manifest.source.sha256[:16]}); give the right one, or none"
        )
    wanted = [counts.get(each.name, 0) for each in catalog.classes]
    for place in dict.fromkeys([torch.device(device), CPU]):
        crops = starting_crops(catalog, wanted, manifest.hr_size, seed, method, monitor, place)
        same = [crop.photo_index for crop in crops] == distilled.source_index.tolist()
        if same and not _others(catalog, crops, manifest):
            return catalog, crops
    raise SourceError(
        f"{source}: the crops chosen of it are not those of {distilled.path}; another version of gsdd, or herding "
        "on another processor, made the file"
    )


def _photos_of(distilled: LatentSet, source: Path, monitor: Monitor) -> Catalog:
    """Catalogue photos in the classes that the file's run gave them."""
    recipe = from_record(distilled.manifest.recipe)
    if recipe.crops.scores:
        raise SourceError(
            f"{distilled.path}: its photos were chosen by scores, of which it holds the {recipe.crops.scores} alone; "
            "give no source"
        )
    crops = recipe.changed({"crops.hr_size": distilled.manifest.hr_size}).crops
    return sorted_photos(find_photos(source)[0], crops, recipe.seed, monitor)


def _others(catalog: Catalog, crops: Sequence[Crop], manifest: Manifest) -> bool:
    """Tell whether crops are at other places of the same photos; a file of before they were written down passes."""
    found = {c.name: [crop for crop in crops if crop.class_index == n] for n, c in enumerate(catalog.classes)}
    return any(crops_digest(found[name]) != digest for name, digest in crops_of(manifest).items())


def _choice(distilled: LatentSet) -> tuple[int, StartingCrops]:
    """Read how the crops of a file were chosen; before there was a choice they were random."""
    seed, method = distilled.manifest.recipe.get("seed"), distilled.manifest.recipe.get("crops", "random")
    if type(seed) is not int or method not in get_args(StartingCrops):
        raise FormatError(
            f"{distilled.path}: the recipe has the seed {seed!r} and crops {method!r}, wanted a whole number and one "
            f"of {', '.join(get_args(StartingCrops))}"
        )
    return seed, method


def _compared(heading: str, images: Images, earlier: Sequence[_Column]) -> _Column:
    if not earlier:
        return _Column(heading, images, ("",) * len(images))
    decibels = psnr(torch.from_numpy(images), torch.from_numpy(earlier[0].images))
    return _Column(heading, images, tuple(f"{value:.1f} dB" for value in decibels.tolist()))


def _facts(distilled: LatentSet, columns: Sequence[_Column]) -> list[str]:
    manifest = distilled.manifest
    latent = "x".join(str(length) for length in manifest.latent_shape[1:])
    facts = (
        f"{len(manifest.classes)} classes, {len(distilled)} latents of {latent}, "
        f"HR {manifest.hr_size}x{manifest.hr_size} by {shown(manifest.generator.name)}"
    )
    if len(columns) > 1:
        return [facts, "dB: PSNR to the real crop, RGB, uint8, no border shaved"]
    return [facts, "distilled images; with the source folder they stand beside their real crops"]


def _rows(distilled: LatentSet, shown: Sequence[int], columns: Sequence[_Column]) -> list[Row]:
    groups: list[list[tuple[Tile, ...]]] = [[] for _ in distilled.class_names]
    for position, number in enumerate(shown):
        tiles = tuple(Tile(column.images[position], column.captions[position]) for column in columns)
        groups[int(distilled.class_index[number])].append(tiles)
    return [
        Row(entry.name, f"{len(tiles)} of {entry.latents}", tuple(tiles))
        for entry, tiles in zip(distilled.manifest.classes, groups, strict=True)
        if tiles
    ]
