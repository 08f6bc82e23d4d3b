"""`gsdd scan`: what a folder of photos holds, before it is compressed."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gsdd.cli.options import PATH, bad_image_option, photo_options
from gsdd.cli.printer import Printer, printing, table
from gsdd.cli.savings import size
from gsdd.cli.wording import worded
from gsdd.recipe import Crops

if TYPE_CHECKING:
    from gsdd.inspect.survey import Survey

# Of each kind of photos that are named.
MOST_NAMED = 10


@click.command()
@click.argument("source", type=PATH)
@click.option("--hr-size", default=128, help="Side of an HR crop in pixels.")
@photo_options
@bad_image_option("skip")
@click.option("--seed", default=0, help="Seed of clusters.")
@printing
def scan(source: Path, seed: int, printer: Printer, **options: Any) -> None:  # noqa: ANN401
    """Show what SOURCE holds and what compress would make of it: classes, sizes, formats, duplicates, blocky JPEGs.

    \b
    Example:
      gsdd scan DIV2K/ --hr-size 256
    """
    from gsdd.inspect.survey import scan as run

    with printer.progress() as monitor:
        survey = run(source, crops=Crops(**options), seed=seed, monitor=monitor)
    printer.show(survey.to_dict(), as_text(survey), survey.images)


def as_text(survey: "Survey") -> str:
    """Lay a survey out for people: facts, then the photos that need attention."""
    exact = sum(each.exact for each in survey.duplicates)
    smallest, largest = ("x".join(map(str, pixels)) for pixels in (survey.smallest, survey.largest))
    blocks = "" if survey.median_blockiness is None else f"; median of JPEG files {survey.median_blockiness:.2f}"
    facts = [
        ("photos", f"{survey.images} in {survey.folder}, {size(survey.bytes)}"),
        ("classes", f"{len(survey.classes)} ({survey.by}), {worded(survey.why)}"),
        ("", _counts(survey.classes)),
        ("sizes", f"{smallest} to {largest}, median shorter side {survey.median_side:g}"),
        ("with crops of", _counts(survey.fitting)),
        ("formats", _counts(survey.formats)),
        ("converted", _counts(survey.conversions) or "none"),
        (
            "left out",
            f"{len(survey.left_out)} too small, {len(survey.unusable)} unusable, {len(survey.dropped)} dropped",
        ),
        ("ignored", _counts(_by_reason(survey.ignored)) or "none"),
        ("duplicates", f"{exact} exact, {len(survey.duplicates) - exact} that look alike (--drop-duplicates)"),
        ("blocky", f"{len(survey.blockiness)} with visible JPEG blocks{blocks} (1 means none)"),
    ]
    return "\n".join([table(facts), *_named(survey)])


def _named(survey: "Survey") -> Iterable[str]:
    yield from _section("left out", [f"{path}: {why}" for path, why in {**survey.left_out, **survey.unusable}.items()])
    yield from _section("dropped", survey.dropped)
    same = {True: "same as", False: "looks like"}
    yield from _section("duplicates", [f"{each.photo}: {same[each.exact]} {each.of}" for each in survey.duplicates])
    yield from _section("blocky", [f"{path}: {value:.2f}" for path, value in survey.blockiness.items()])


def _section(heading: str, lines: Iterable[str]) -> list[str]:
    every = list(lines)
    more = [f"  and {len(every) - MOST_NAMED} more; --json names all"] if len(every) > MOST_NAMED else []
    return ["", f"{heading}:", *(f"  {line}" for line in every[:MOST_NAMED]), *more] if every else []


def _by_reason(entries: Mapping[str, str]) -> dict[str, int]:
    return {reason: list(entries.values()).count(reason) for reason in dict.fromkeys(entries.values())}


def _counts(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.items())
