"""`gsdd info`: what a file is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gsdd.cli.options import GENERATOR, OUTPUT, force_option, json_option, note, print_json, quiet_option
from gsdd.cli.progress import StageBars
from gsdd.formats.container import SIGNATURES, Contents, read
from gsdd.formats.manifest import DEGRADATION, Manifest
from gsdd.formats.origins import origins_of, part_of
from gsdd.formats.shards import is_index, read_index


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@click.option("--contact-sheet", type=OUTPUT, metavar="PNG", help="Draw what the latents show.")
@click.option(
    "--source",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The photos, to show each latent's real crop beside it.",
)
@click.option("--generator", type=GENERATOR, help="Weights to draw with; default: those that the file names.")
@click.option("--device", help="Where the generator runs.  [default: cpu]")
@click.option("--feature-weights", type=click.Path(path_type=Path), help="Weights of psi, if the run was given some.")
@click.option("--per-class", type=click.IntRange(min=1), help="Latents of a class on the sheet.  [default: 4]")
@force_option
@quiet_option
def info(
    file: Path,
    as_json: bool,
    contact_sheet: Path | None,
    source: Path | None,
    force: bool,
    quiet: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Tell what FILE is: its classes, generator, recipe and source.

    \b
    Example:
      gsdd info ost.gsdd --contact-sheet sheet.png --source ost/
    """
    if contact_sheet is None and (source is not None or force or any(value is not None for value in options.values())):
        raise click.UsageError("--source, --force and the options of the drawing go with --contact-sheet.")
    if is_index(file):
        _tell_shards(file, as_json)
        return
    contents = read(file)
    if contact_sheet is not None:
        given = {name: value for name, value in options.items() if value is not None}
        _draw(file, contact_sheet, quiet, source=source, force=force, **given)
    if as_json:
        print_json(_document(file, contents))
    else:
        click.echo("\n".join(f"{name:12}{_plain(value)}" for name, value in _rows(file, contents)))


def _tell_shards(file: Path, as_json: bool) -> None:
    index = read_index(file)
    if as_json:
        print_json({"path": str(file), **json.loads(index.to_text())})
        return
    size, latents = sum(index.bytes), sum(index.latents)
    lines = [
        ("file", f"{file} (index of {len(index.files)} shards, {size:,} bytes)"),
        ("digest", index.digest),
        ("latents", f"{latents}, of HR {index.hr_size}x{index.hr_size}"),
        ("classes", f"{len(index.classes)}"),
        *(("", f"{each.name}  {each.latents:>6}") for each in index.classes),
        ("shards", f"{index.files[0]} .. {index.files[-1]}; gsdd info tells more of each"),
    ]
    click.echo("\n".join(f"{name:12}{_plain(value)}" for name, value in lines))


def _draw(file: Path, output: Path, quiet: bool, **options: Any) -> None:  # noqa: ANN401
    from gsdd import report

    with StageBars(hidden=quiet) as bars:
        sheet = report.contact_sheet(file, output, progress=bars.update, **options)
    note(f"contact sheet: {output}", quiet)
    if sheet.note:
        note(f"note: {sheet.note}", quiet)


def _document(file: Path, contents: Contents) -> dict[str, Any]:
    """Everything that the manifest says, after what only the file can tell."""
    own = {
        "path": str(file),
        "container": contents.container,
        "bytes": contents.size,
        "latents": contents.manifest.latents,
        "latent_shape": list(contents.manifest.latent_shape[1:]),
    }
    return {**own, **json.loads(contents.document.text)}


def _rows(file: Path, contents: Contents) -> list[tuple[str, str]]:
    manifest, document = contents.manifest, contents.document
    shape = "x".join(map(str, manifest.latent_shape[1:]))
    return [
        ("file", f"{file} ({contents.container}, format {document.version}, {contents.size:,} bytes)"),
        ("digest", document.digest),
        ("latents", f"{manifest.latents} of {shape}, codec {manifest.codec}"),
        ("pairs", _pairs(manifest)),
        ("signatures", _signatures(contents)),
        *_class_rows(manifest),
        *_generator_rows(manifest),
        *_source_rows(manifest),
        ("recipe", _options(manifest.recipe)),
        *_run_rows(file, manifest),
        ("training", _options(manifest.training)),
        ("privacy", manifest.privacy),
    ]


def _pairs(manifest: Manifest) -> str:
    high, low = manifest.hr_size, manifest.hr_size // int(DEGRADATION["scale"])
    return f"HR {high}x{high}, LR {low}x{low} by {DEGRADATION['method']} with antialiasing"


def _signatures(contents: Contents) -> str:
    if SIGNATURES not in contents.tensors:
        return f"none in format {contents.document.version}"
    side = "x".join(map(str, contents.tensors[SIGNATURES].shape[1:]))
    whose = "of one HR image a class" if contents.manifest.signs_classes else "for each HR image"
    return f"{side} {whose}; gsdd verify --decode compares"


def _class_rows(manifest: Manifest) -> list[tuple[str, str]]:
    width = max(len(each.name) for each in manifest.classes)
    rows = [f"{each.name:{width}}  {each.latents:>6}" for each in manifest.classes]
    return [("classes", f"{len(rows)}"), *(("", row) for row in rows)]


def _generator_rows(manifest: Manifest) -> list[tuple[str, str]]:
    generator = manifest.generator
    what = f"{generator.name} ({generator.architecture}, x{generator.scale}, {generator.parameters:,} parameters)"
    return [
        ("generator", what),
        ("", f"fingerprint {generator.fingerprint}"),
        ("", f"licence {generator.licence}; from {generator.origin}"),
        *([("", "its weights are in the file")] if generator.embedded else []),
    ]


def _source_rows(manifest: Manifest) -> list[tuple[str, str]]:
    source = manifest.source
    what = f"{source.images:,} photos, {source.bytes:,} bytes; {source.skipped} skipped, {source.ignored} ignored"
    return [("source", what), ("", f"sha256 {source.sha256}"), ("", f"licence {source.licence}")]


def _run_rows(file: Path, manifest: Manifest) -> list[tuple[str, str]]:
    """Tell each run that the classes come from; a file holds one unless it was merged."""
    part, origins = part_of(manifest, file), origins_of(manifest, file)
    rows = [("part", f"{part} of the source's {len(part.classes)} classes")] if part else []
    if len(origins) == 1:
        return [*rows, ("run", _options(origins[0].run))]
    for origin in origins:
        differing = {name: value for name, value in origin.recipe.items() if name not in manifest.recipe}
        rows.append(("run", f"of {', '.join(origin.classes)}: {_options({**differing, **origin.run})}"))
        rows.append(("", f"{origin.source.images:,} photos, sha256 {origin.source.sha256}"))
    return rows


def _options(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in options.items()) or "-"


def _plain(text: str) -> str:
    """Keep a file's text from steering the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
