"""`gsdd info`: what files are."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gsdd.cli.options import OUTPUT, PATH, are_given, device_option, files_argument, force_option, generator_option
from gsdd.cli.printer import Printer, printing, table
from gsdd.formats.container import SIGNATURES, Head, read_head
from gsdd.formats.manifest import DEGRADATION, Manifest
from gsdd.formats.origins import origins_of
from gsdd.formats.place import Place
from gsdd.formats.text import shown

COLUMNS = ("file", "latents", "classes", "HR", "codec", "bytes", "generator")
# Of a name that stands in a column, and of a setting; --json has all of it.
WIDEST = 60
LONGEST_VALUE = 400


@click.command()
@files_argument()
@click.option("--contact-sheet", type=OUTPUT, metavar="PNG", help="Draw the images of one FILE.")
@click.option(
    "--source",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The photos, to show the real crop of each latent too.",
)
@generator_option("to draw with")
@device_option
@click.option("--feature-weights", type=PATH, help="Weights of the feature extractor, if the run was given some.")
@click.option("--per-class", type=click.IntRange(min=1), default=4, help="Latents per class on the sheet.")
@force_option
@printing
def info(files: tuple[Place, ...], contact_sheet: Path | None, printer: Printer, **drawing: Any) -> None:  # noqa: ANN401
    """Show the classes, generator, recipe and source of FILE; for several, one line each and the sum.

    \b
    Example:
      gsdd info ost.gsdd --contact-sheet sheet.png --source ost/
    """
    if contact_sheet is None and are_given(drawing):
        raise click.UsageError("--source, --force and the options of the drawing go with --contact-sheet.")
    if len(files) > 1:
        if contact_sheet:
            raise click.UsageError(f"--contact-sheet is of one FILE, got {len(files)}.")
        printer.show(*_told_together(files))
        return
    head = _drawn(files[0], contact_sheet, printer, drawing) if contact_sheet else read_head(files[0])
    text = "\n".join(f"{name:12}{value}" for name, value in _rows(files[0], head))
    printer.show(_document(files[0], head), text)


def _drawn(file: Place, output: Path, printer: Printer, options: dict[str, Any]) -> Head:
    """Draw a file, which is read once; return what it says of itself."""
    from gsdd.distilled.latent_set import read_latents
    from gsdd.inspect.contact_sheet import contact_sheet as draw

    latents = read_latents(file)
    with printer.progress() as monitor:
        draw(latents, output, monitor=monitor, **options)
    printer.note(f"contact sheet: {output}")
    return latents.contents


def _told_together(files: Sequence[Place]) -> tuple[dict[str, Any], str]:
    """Give the facts of files and of the set that they are, and the same as a table."""
    documents, rows, classes = list[dict[str, Any]](), list[tuple[str, ...]](), Counter[str]()
    for file in files:
        head = read_head(file)
        documents.append(_document(file, head))
        rows.append(_row(documents[-1], head.manifest))
        classes.update({each.name: each.latents for each in head.manifest.classes})
    latents, size = (sum(document[name] for document in documents) for name in ("latents", "bytes"))
    rows.append((f"{len(files)} files", f"{latents:,}", f"{len(classes)}", "", "", f"{size:,}", ""))
    return {"files": documents, "latents": latents, "bytes": size, "classes": dict(classes)}, table([COLUMNS, *rows])


def _row(document: Mapping[str, Any], manifest: Manifest) -> tuple[str, ...]:
    counts = f"{manifest.latents:,}", f"{len(manifest.classes)}", f"{manifest.hr_size}"
    names = shown(document["path"]), manifest.codec, shown(manifest.generator.name, WIDEST)
    return names[0], *counts, names[1], f"{document['bytes']:,}", names[2]


def _document(file: Place, head: Head) -> dict[str, Any]:
    """Everything that the manifest says, after what only the file can tell."""
    own = {
        "path": str(file),
        "container": head.container,
        "bytes": head.size,
        "latents": head.manifest.latents,
        "latent_shape": list(head.manifest.latent_shape[1:]),
    }
    return {**own, **json.loads(head.document.text)}


def _rows(file: Place, head: Head) -> list[tuple[str, str]]:
    manifest, document = head.manifest, head.document
    shape = "x".join(map(str, manifest.latent_shape[1:]))
    return [
        ("file", f"{file} ({head.container}, format {document.version}, {head.size:,} bytes)"),
        ("digest", document.digest),
        ("latents", f"{manifest.latents} of {shape}, codec {manifest.codec}"),
        ("pairs", _pairs(manifest)),
        ("signatures", _signatures(head)),
        *_class_rows(manifest),
        *_generator_rows(manifest),
        *_source_rows(manifest),
        ("recipe", _options(manifest.recipe)),
        *_run_rows(file, manifest),
        ("training", _options(manifest.training)),
        ("privacy", shown(manifest.privacy)),
    ]


def _pairs(manifest: Manifest) -> str:
    high, low = manifest.hr_size, manifest.hr_size // int(DEGRADATION["scale"])
    grey = ", all grey" if manifest.source.grey else ""
    return f"HR {high}x{high}, LR {low}x{low} by {DEGRADATION['method']} with antialiasing{grey}"


def _signatures(head: Head) -> str:
    if SIGNATURES not in head.document.tensors:
        return f"none in format {head.document.version}"
    side = "x".join(map(str, head.document.tensors[SIGNATURES].layout.shape[1:]))
    whose = "of one HR image a class" if head.manifest.signs_classes else "for each HR image"
    return f"{side} {whose}; gsdd verify --decode compares"


def _class_rows(manifest: Manifest) -> list[tuple[str, str]]:
    names = [shown(each.name, WIDEST) for each in manifest.classes]
    width = max(map(len, names))
    rows = [f"{name:{width}}  {each.latents:>6}" for name, each in zip(names, manifest.classes, strict=True)]
    return [("classes", f"{len(rows)}"), *(("", row) for row in rows)]


def _generator_rows(manifest: Manifest) -> list[tuple[str, str]]:
    generator = manifest.generator
    kind = f"{shown(generator.architecture)}, x{generator.scale}, {generator.parameters:,} parameters"
    return [
        ("generator", f"{shown(generator.name)} ({kind})"),
        ("", f"fingerprint {generator.fingerprint}"),
        ("", f"licence {shown(generator.licence)}; from {shown(generator.origin)}"),
        *([("", "its weights are in the file")] if generator.embedded else []),
    ]


def _source_rows(manifest: Manifest) -> list[tuple[str, str]]:
    source = manifest.source
    what = f"{source.images:,} photos, {source.bytes:,} bytes; {source.skipped} skipped, {source.ignored} ignored"
    what += f", up to {source.bits} bits a sample" if source.bits else ""
    what += "".join(f", {count} dropped for {shown(reason)}" for reason, count in source.dropped.items())
    return [("source", what), ("", f"sha256 {source.sha256}"), ("", f"licence {shown(source.licence)}")]


def _run_rows(file: Place, manifest: Manifest) -> list[tuple[str, str]]:
    """Tell each run that the classes come from; a file holds one unless it was merged."""
    rows, origins = [], origins_of(manifest, file)
    if len(origins) == 1:
        return [("run", _options(origins[0].run))]
    for origin in origins:
        differing = {name: value for name, value in origin.recipe.items() if name not in manifest.recipe}
        rows.append(("run", f"of {shown(', '.join(origin.classes))}: {_options({**differing, **origin.run})}"))
        rows.append(("", f"{origin.source.images:,} photos, sha256 {origin.source.sha256}"))
    return rows


def _options(options: Mapping[str, Any]) -> str:
    return (
        ", ".join(f"{shown(name)}={shown(json.dumps(value), LONGEST_VALUE)}" for name, value in options.items()) or "-"
    )
