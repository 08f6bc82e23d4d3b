"""A report of one file as one HTML page that opens offline."""

from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from gsdd.distilled.latent_set import LatentSet, read_latents
from gsdd.errors import OutputError
from gsdd.formats.atomic import check_not_source, check_output, write_atomically
from gsdd.inspect.page import page
from gsdd.inspect.savings import Savings, savings_of
from gsdd.inspect.triptych import PER_CLASS, Drawing, Triptych, check_per_class, first_of_each_class, triptych
from gsdd.monitor import SILENT, Monitor

ENDINGS = (".html", ".htm")
# Latents that a page shows. Each is up to three pictures.
MOST_SHOWN = 96


@dataclass(frozen=True)
class ReportFile:
    """A report that was written.

    Attributes:
        path: the HTML file.
        bytes: its size.
        pictures: latents that it shows.
    """

    path: Path
    bytes: int
    pictures: int

    def to_dict(self) -> dict[str, Any]:
        """Give the values by name, as JSON has them."""
        return {**asdict(self), "path": str(self.path)}


def report(
    file: str | PathLike[str],
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
) -> ReportFile:
    """Write what is in a file, what it cost and saves, and how to train from it, as a page to read and to send.

    Args:
        file: the `.gsdd` file, or its URL.
        output: the HTML file to write.
        source: the folder of photos it was made from; adds real crops, inverted images, which are computed again, and
            what image codecs would take.
        generator: a named generator or a path of weights; None takes the one that the file names.
        feature_weights: the weights of psi, if the run was given some; for the inverted images.
        per_class: latents of a class that are shown, at most.
        device: where the generator runs.
        force: replace the output if it exists.
        force_generator: use a generator whose weights are not those that the file was made with.
        monitor: told of the inversion, and of a generator that is not exactly the file's.

    Returns:
        What was written.

    Raises:
        FormatError: the file is damaged.
        GeneratorError: the generator is not installed, or not the one of the file.
        OutputError: the output exists, is not named .html, or cannot be written.
        RecipeError: an option has no meaning.
        SourceError: the folder is not the one that the file was made from.
    """
    target = Path(output)
    check_report(target, per_class, force)
    distilled = read_latents(file)
    check_not_source(target, distilled.path)
    folder = None if source is None else Path(source)
    how = Drawing(folder, None, generator, feature_weights, device, force_generator, monitor)
    pictures = triptych(distilled, shown_in_report(distilled, per_class), how)
    return write_report(distilled, pictures, target, how, force=force)


def check_report(output: Path, per_class: int = PER_CLASS, force: bool = False) -> None:
    """Refuse a report that could not be written.

    Args:
        output: the HTML file to write.
        per_class: latents of a class that are to be shown.
        force: whether the file may exist.

    Raises:
        OutputError: it exists, is not named .html, or cannot be written.
        RecipeError: nothing is to be shown.
    """
    if output.suffix.lower() not in ENDINGS:
        raise OutputError(f"{output}: a report is an HTML file; give a name that ends in .html")
    check_per_class(per_class)
    check_output(output, force=force)


def shown_in_report(distilled: LatentSet, per_class: int) -> list[int]:
    """Number the latents that a report has room for: the first of each of the first classes."""
    most = max(1, MOST_SHOWN // per_class)
    return list(first_of_each_class(distilled.class_index.tolist(), per_class, most))[:MOST_SHOWN]


def write_report(
    distilled: LatentSet, pictures: Triptych, output: Path, how: Drawing, *, force: bool = False
) -> ReportFile:
    """Write a report with pictures that exist already.

    Args:
        distilled: the file.
        pictures: of its latents.
        output: the HTML file to write.
        how: the pictures were made; losses and times are those of its trace.
        force: replace the output if it exists.

    Raises:
        OutputError: the output exists, or cannot be written.
    """
    shown = pictures.first(MOST_SHOWN)
    data = page(distilled, shown, _saved(distilled, pictures, how), how.trace).encode()
    write_atomically(output, data, force=force, follow=True)
    return ReportFile(output, len(data), len(shown.numbers))


def _saved(distilled: LatentSet, pictures: Triptych, how: Drawing) -> Savings | None:
    if pictures.catalog is None:
        return None
    return savings_of(pictures.catalog, distilled.contents, distilled.path, monitor=how.monitor)
