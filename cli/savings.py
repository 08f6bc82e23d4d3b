"""`gsdd savings`: what a file saves against the photos and against image codecs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gsdd.cli.options import PATH, PLACE
from gsdd.cli.printer import Printer, printing
from gsdd.formats.place import Place
from gsdd.formats.text import shown

if TYPE_CHECKING:
    from gsdd.inspect.savings import Baseline, InItsPlace, Savings

UNITS = ("B", "kB", "MB", "GB", "TB")


@click.command()
@click.argument("source", type=PATH)
@click.argument("file", type=PLACE)
@click.option("--sample", default=16, help="Photos to re-encode for the codecs' sizes.")
@click.option("--seed", default=0, help="Seed of the sample.")
@printing
def savings(source: Path, file: Place, sample: int, seed: int, printer: Printer) -> None:
    """Compare FILE with the photos in SOURCE, as found and as image codecs would store them.

    \b
    Example:
      gsdd savings ost/ ost.gsdd
    """
    from gsdd.inspect.savings import savings as measure

    with printer.progress() as monitor:
        report = measure(source, file, sample=sample, seed=seed, monitor=monitor)
    printer.show(report.to_dict(), as_text(report))


def as_text(report: "Savings") -> str:
    """Lay a storage report out for people."""
    return "\n".join([*_facts(report), "", *_comparison(report), "", *_legend(report)])


def _facts(report: "Savings") -> list[str]:
    side = report.hr_size
    return [
        f"images kept  {report.latents} for {report.images}: {report.images_saved:.1%} saved by count "
        "(the paper's 93.2 % is such a count)",
        f"file         {size(report.file_bytes)}, {report.bits_per_hr_pixel:.2f} bits for each pixel of its "
        f"{report.latents} HR images of {side}x{side}",
        f"generator    {size(report.generator_bytes)} for {shown(report.generator)} "
        + (
            "inside the file, not counted above"
            if report.embedded
            else f"(fp16; {size(report.generator_bytes_fp32)} in fp32), once for any number of files"
        ),
    ]


def _comparison(report: "Savings") -> list[str]:
    head = f"{'':34}{'size':>10}{'file saves':>13}{'with generator':>17}"
    whole = [_line(f"all {report.images} photos, {baseline.name}", baseline) for baseline in report.whole_source]
    crops = [_line(f"{report.latents} random crops, {baseline.name}", baseline) for baseline in report.random_crops]
    return [head, *whole, *crops, "", *_in_its_place(report)]


def _in_its_place(report: "Savings") -> list[str]:
    head = f"{'The same bytes hold':34}{'file':>10}{'with generator':>30}"
    return [head, *(f"{f'herded crops, AVIF q{each.quality}':34}{_counts(each)}" for each in report.in_its_place)]


def _counts(place: "InItsPlace") -> str:
    return f"{f'~{place.crops:,}':>10}{f'~{place.crops_with_generator:,}':>30}"


def _line(name: str, baseline: "Baseline") -> str:
    bytes_ = ("~" if baseline.estimated else "") + size(baseline.bytes)
    return f"{name:34}{bytes_:>10}{baseline.saved:>13.1%}{baseline.saved_with_generator:>17.1%}"


def _legend(report: "Savings") -> list[str]:
    side = report.hr_size
    return [
        f"~ scaled up from {report.sampled} of {report.images} photos (by pixels) and a random {side}x{side} crop of "
        "each (by count).",
        "Negative: the file is the larger. The file holds its crops, not the whole photos.",
    ]


def size(count: int) -> str:
    """Write a number of bytes with three or four digits and a decimal unit."""
    power = min(len(UNITS) - 1, max(0, (len(str(count)) - 1) // 3))
    return f"{count} B" if power == 0 else f"{count / 1000**power:.1f} {UNITS[power]}"
