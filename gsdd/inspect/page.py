"""The page of a report: facts of a file, laid out by the template `report.html`."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from gsdd.distilled.latent_set import LatentSet
from gsdd.formats.text import shown
from gsdd.inspect.chart import Chart, chart
from gsdd.inspect.facts import MOST_ROWS, class_rows, details, scale_of
from gsdd.inspect.recipes import names_of, recipe_of
from gsdd.inspect.savings import Baseline, Savings, baseline, bytes_of
from gsdd.inspect.thumbnails import data_addresses
from gsdd.inspect.triptych import Triptych
from gsdd.run.clock import duration
from gsdd.run.trace import Trace

# Of the pictures of a page: with all else it stays below 3 MB.
PICTURE_BYTES = 2_300_000
# Characters of a text of the file.
LONGEST = 400


@dataclass(frozen=True)
class Picture:
    """An image of a page: what it is, where it is, and what stands below it."""

    heading: str
    address: Markup
    caption: str


@dataclass(frozen=True)
class Group:
    """The latents of a class that are shown, each as one picture or as three."""

    name: str
    about: str
    latents: tuple[tuple[int, tuple[Picture, ...]], ...]


@dataclass(frozen=True)
class BaselineRow:
    """Another way of keeping images: its size, and what the file saves against it, alone and with the generator."""

    name: str
    bytes: int
    estimated: bool
    saved: str
    with_generator: str


def page(distilled: LatentSet, pictures: Triptych, saved: Savings | None, trace: Trace | None) -> str:
    """Make the page.

    Args:
        distilled: the file.
        pictures: of some of its latents.
        saved: what it saves, where the photos were looked at.
        trace: of the run that made it, where that has just ended.

    Returns:
        HTML, whole in itself. Every text of the file is shown as `shown` writes it, and escaped.
    """
    manifest = distilled.manifest
    classes, groups = class_rows(distilled, pictures), _groups(distilled, pictures)
    compared = len(pictures.columns) > 1
    style, script = (_part(f"report.{kind}") for kind in ("css", "js"))
    return _template().render(
        style=style, script=script, policy=_policy(style, script), file=distilled.path.name, names=names_of(distilled),
        contents=distilled.contents, manifest=manifest, source=manifest.source, generator=manifest.generator,
        groups=groups, compared=compared, single=compared and all(len(group.latents) == 1 for group in groups),
        classes=classes, scale=scale_of(classes), charts=_charts(trace), cost=_cost(manifest.run, trace), saved=saved,
        baselines=_baselines(distilled, saved),
        bits=8 * bytes_of(distilled.contents)[0] / (len(distilled) * manifest.hr_size**2),
        recipe=recipe_of(distilled), details=details(distilled), most_rows=MOST_ROWS,
    )  # fmt: skip


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=_finalized, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_part("report.html"))


def _finalized(value: object) -> object:
    """Show every text as a stranger's: what is ours is not changed by that, and none can be forgotten."""
    return shown(value, LONGEST) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _part(name: str) -> Markup:
    return Markup((files("gsdd.inspect") / name).read_text("utf-8"))


def _policy(style: str, script: str) -> Markup:
    """Forbid the page everything but its own style, its own script, and the pictures in it."""
    hashes = [b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (style, script)]
    return Markup(
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _groups(distilled: LatentSet, pictures: Triptych) -> list[Group]:
    addresses = data_addresses([column.images for column in pictures.columns], PICTURE_BYTES)
    return [
        Group(name, about, tuple((pictures.numbers[place], _row_of(pictures, addresses, place)) for place in places))
        for name, about, places in pictures.by_class(distilled)
    ]


def _row_of(pictures: Triptych, addresses: Sequence[Sequence[Markup]], place: int) -> tuple[Picture, ...]:
    return tuple(
        Picture(column.heading, of_column[place], column.captions[place])
        for column, of_column in zip(pictures.columns, addresses, strict=True)
    )


def _charts(trace: Trace | None) -> list[Chart]:
    curves = trace.curves.stages if trace else {}
    return [found for stage, curve in curves.items() if (found := chart(f"Loss of the {stage}", curve))]


def _cost(run: Mapping[str, Any], trace: Trace | None) -> Iterator[tuple[str, str]]:
    """Tell steps, and the time that they took where the run has just ended."""
    curves = trace.curves.stages if trace else {}
    for stage, name in (("inversion", "inversion_steps"), ("matching", "iterations")):
        steps = run.get(name)
        if type(steps) is int:
            taken = f", {duration(curves[stage].seconds)}" if stage in curves else ""
            yield stage.capitalize(), f"{steps:,} steps{taken}"
    if trace:
        yield "Computed on", trace.generator.device.type


def _baselines(distilled: LatentSet, saved: Savings | None) -> list[BaselineRow]:
    """Lay the comparison out; without the photos there is what the file says of them."""
    if saved is None:
        photos, (own, generator) = distilled.manifest.source, bytes_of(distilled.contents)
        if not photos.bytes:
            return []
        return [
            _row(
                f"all {photos.images:,} photos, as found",
                baseline("as found", photos.bytes, False, (own, own + generator)),
            )
        ]
    whole, crops = f"all {saved.images:,} photos", f"{saved.latents:,} random crops of {saved.hr_size} px"
    kept: Sequence[tuple[str, Sequence[Baseline]]] = ((whole, saved.whole_source), (crops, saved.random_crops))
    return [_row(f"{what}, {each.name}", each) for what, baselines in kept for each in baselines]


def _row(name: str, found: Baseline) -> BaselineRow:
    return BaselineRow(name, found.bytes, found.estimated, _share(found.saved), _share(found.saved_with_generator))


def _share(saved: float) -> str:
    """Say a saving in percent, and a loss as a multiple."""
    return f"{saved:.1%}" if saved >= 0 else f"{1 - saved:,.1f} times as large"
