"""The report and the contact sheet of a run that has just ended: both of the same images, and nothing inverted."""

from pathlib import Path

from gsdd.distilled.latent_set import read_latents
from gsdd.errors import OutputError
from gsdd.formats.atomic import check_outside
from gsdd.inspect.contact_sheet import check_sheet, shown_on_sheet, write_sheet
from gsdd.inspect.report import check_report, write_report
from gsdd.inspect.triptych import PER_CLASS, Drawing, triptych


def check_drawings(
    *, report: Path | None, contact_sheet: Path | None, source: Path, file: Path, force: bool = False
) -> None:
    """Refuse drawings that could not be written, before the run that they are of.

    Args:
        report: the HTML file to write; None for none.
        contact_sheet: the PNG file to write; None for none.
        source: the folder of photos, which is only read from.
        file: that the run will write.
        force: whether they may exist.

    Raises:
        OutputError: one exists, has another ending, or cannot be written there.
    """
    if report:
        check_report(report, force=force)
    if contact_sheet:
        check_sheet(contact_sheet, force=force)
    for path in filter(None, (report, contact_sheet)):
        check_outside(path, source)
        if path.resolve() == file.resolve():
            raise OutputError(f"{path}: is the output of the run itself; give another name")


def draw(file: Path, how: Drawing, *, report: Path | None, contact_sheet: Path | None, force: bool = False) -> None:
    """Draw a file.

    Args:
        file: that the run wrote.
        how: with the trace of the run.
        report: the HTML file to write; None for none.
        contact_sheet: the PNG file to write; None for none.
        force: replace them if they exist.

    Raises:
        OutputError: one exists, or cannot be written.
        SourceError: a photo has changed since the run read it.
    """
    distilled = read_latents(file)
    pictures = triptych(distilled, shown_on_sheet(distilled, PER_CLASS, how), how)
    if contact_sheet:
        write_sheet(distilled, pictures, contact_sheet, force=force)
    if report:
        write_report(distilled, pictures, report, how, force=force)
