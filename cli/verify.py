"""`gsdd verify`: whether files are sound, and whether they decode to the same images here."""

from pathlib import Path
from typing import Any

import click

from gsdd.cli.main import EXIT_FORMAT, code_of, complain
from gsdd.cli.options import GENERATOR, json_option, note, print_json, quiet_option
from gsdd.cli.progress import StageBars
from gsdd.errors import GsddError
from gsdd.verification import verify as verify_file


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--decode", is_flag=True, help="Decode each image too, and compare it with its signature in the file.")
@click.option("--generator", type=GENERATOR, help="Weights to decode with; default: those that the file names.")
@click.option("--force-generator", is_flag=True, help="Use other weights than those the file was made with.")
@click.option("--device", help="Where the generator runs: cpu, cuda, cuda:1 ...  [default: cpu]")
@json_option
@quiet_option
def verify(
    files: tuple[Path, ...],
    decode: bool,
    generator: str | None,
    force_generator: bool,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Check every byte of each FILE against its digests, and its content for sense.

    With --decode, also check that this machine, its torch and its generator give the images that the file's author
    had: a signature of each is in the file, or of one a class.

    Exit code 0 if all are sound, 3 if one is not or decodes to other images, 1 if one cannot be read or compared.

    \b
    Example:
      gsdd verify ost.gsdd --decode --device cuda
    """
    if not decode and (generator or force_generator or device):
        raise click.UsageError("--generator, --force-generator and --device go with --decode.")
    options = {"decode": decode, "generator": generator, "force_generator": force_generator, "device": device or "cpu"}
    codes, results = [], []
    for file in files:
        code, facts = _check(file, quiet, options)
        codes.append(code)
        results.append({"path": str(file), "ok": code == 0, **facts})
        if not as_json and code == 0:
            click.echo(_line(facts))
    if as_json:
        print_json({"ok": not any(codes), "files": results})
    return max(codes)


def _check(file: Path, quiet: bool, options: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    try:
        with StageBars(hidden=quiet) as bars:
            result = verify_file(file, progress=lambda done, total: bars.update("decode", done, total), **options)
    except GsddError as error:
        return code_of(error), {"error": complain(str(error))}
    if result.decoding and result.decoding.note:
        note(f"note: {result.decoding.note}", quiet)
    if result.problem:
        return EXIT_FORMAT, {**result.to_dict(), "error": complain(result.problem)}
    return 0, result.to_dict()


def _line(facts: dict[str, Any]) -> str:
    line = f"OK  {facts['digest']}  {facts['path']}"
    if facts["decoding"] is None:
        return line
    images, difference = facts["decoding"]["images"], facts["decoding"]["largest_difference"]
    return f"{line}  {images} of {images} images agree, largest difference {difference:.3f} grey levels"
