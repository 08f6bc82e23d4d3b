"""A contact sheet: per class the real crop, the inverted and the distilled image, as in the paper's Fig. 3."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from os import PathLike
from pathlib import Path

from gsdd.distilled.latent_set import LatentSet, read_latents
from gsdd.errors import OutputError
from gsdd.formats.atomic import check_output, write_atomically
from gsdd.formats.text import shown
from gsdd.inspect.sheet import MIN_TILE, Row, Tile, draw_sheet
from gsdd.inspect.triptych import (
    PER_CLASS,
    Column,
    Drawing,
    Triptych,
    check_per_class,
    first_of_each_class,
    triptych,
)
from gsdd.monitor import SILENT, Monitor

# Of a sheet, about.
MOST_PIXELS = 64 * 10**6


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
        GeneratorError: the generator is not installed, or not the one of the file.
        OutputError: the output exists, is not named .png, or cannot be written.
        RecipeError: an option has no meaning.
        SourceError: the folder is not the one that the file was made from.
    """
    check_sheet(Path(output), per_class, force)
    distilled = file if isinstance(file, LatentSet) else read_latents(file)
    folder = None if source is None else Path(source)
    how = Drawing(folder, None, generator, feature_weights, device, force_generator, monitor)
    pictures = triptych(distilled, shown_on_sheet(distilled, per_class, how), how)
    return write_sheet(distilled, pictures, Path(output), force=force)


def check_sheet(output: Path, per_class: int = PER_CLASS, force: bool = False) -> None:
    """Refuse a sheet that could not be written.

    Args:
        output: the PNG file to write.
        per_class: latents of a class that are to be shown.
        force: whether the file may exist.

    Raises:
        OutputError: it exists, is not named .png, or cannot be written.
        RecipeError: nothing is to be shown.
    """
    if output.suffix.lower() != ".png":
        raise OutputError(f"{output}: a contact sheet is a PNG file; give a name that ends in .png")
    check_per_class(per_class)
    check_output(output, force=force)


def shown_on_sheet(distilled: LatentSet, per_class: int, how: Drawing) -> list[int]:
    """Number the latents that a sheet has room for, and tell the monitor of classes that it has not."""
    most = _most_classes(distilled.manifest.hr_size, per_class, how.columns)
    if most < len(distilled.class_names):
        how.monitor.note(f"the sheet shows the first {most} of {len(distilled.class_names)} classes")
    return list(first_of_each_class(distilled.class_index.tolist(), per_class, most))


def write_sheet(distilled: LatentSet, pictures: Triptych, output: Path, *, force: bool = False) -> ContactSheet:
    """Draw pictures that exist already.

    Args:
        distilled: the file.
        pictures: of its latents.
        output: the PNG file to write.
        force: replace it if it exists.

    Raises:
        OutputError: the output exists, or cannot be written.
    """
    columns = pictures.columns
    rows = _rows(distilled, pictures)
    sheet = draw_sheet(distilled.path.name, _facts(distilled, columns), [each.heading for each in columns], rows)
    buffer = BytesIO()
    sheet.save(buffer, "png", optimize=True)
    write_atomically(output, buffer.getvalue(), force=force, follow=True)
    return ContactSheet(output, sheet.width, sheet.height)


def _most_classes(hr_size: int, per_class: int, columns: int) -> int:
    """Say how many classes a sheet has room for: one of thousands would take all memory, and nobody look at it."""
    tile = hr_size + MIN_TILE
    return max(1, MOST_PIXELS // (tile * tile * per_class * columns))


def _facts(distilled: LatentSet, columns: Sequence[Column]) -> list[str]:
    manifest = distilled.manifest
    latent = "x".join(str(length) for length in manifest.latent_shape[1:])
    facts = (
        f"{len(manifest.classes)} classes, {len(distilled)} latents of {latent}, "
        f"HR {manifest.hr_size}x{manifest.hr_size} by {shown(manifest.generator.name)}"
    )
    if len(columns) > 1:
        return [facts, "dB: PSNR to the real crop, RGB, uint8, no border shaved"]
    return [facts, "distilled images; with the source folder they stand beside their real crops"]


def _rows(distilled: LatentSet, pictures: Triptych) -> list[Row]:
    return [
        Row(name, about, tuple(_tiles(pictures.columns, place) for place in places))
        for name, about, places in pictures.by_class(distilled)
    ]


def _tiles(columns: Sequence[Column], place: int) -> tuple[Tile, ...]:
    return tuple(Tile(column.images[place], column.captions[place]) for column in columns)
