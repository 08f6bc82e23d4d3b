"""`gsdd verify`: whether files are sound, and whether they decode to the same images here."""

from typing import Any

import click

from gsdd.cli.main import EXIT_FORMAT, code_of, complain
from gsdd.cli.options import are_given, decoding_options, files_argument
from gsdd.cli.printer import Printer, printing
from gsdd.cli.streams import show
from gsdd.errors import GsddError
from gsdd.formats.place import Place
from gsdd.inspect.verification import verify as verify_file


@click.command()
@files_argument()
@click.option("--decode", is_flag=True, help="Decode each image too, and compare it with its signature in the file.")
@decoding_options
@printing
def verify(files: tuple[Place, ...], decode: bool, printer: Printer, **options: Any) -> int:  # noqa: ANN401
    """Check every byte of each FILE against its digests, and the content for consistency.

    With --decode, also check that this machine decodes the images that the author of the file had. The file has a
    signature of each image, or of one image per class.

    The exit code is 0 if all files are sound, 3 if one is not sound or decodes to other images, and 1 if one cannot be
    read or compared.

    \b
    Example:
      gsdd verify ost.gsdd --decode --device cuda
    """
    if not decode and are_given(options):
        raise click.UsageError("--generator, --force-generator and --device go with --decode.")
    codes, results = [], []
    for file in files:
        code, facts = _check(file, printer, {"decode": decode, **options})
        codes.append(code)
        results.append({"path": str(file), "ok": code == 0, **facts})
        if not printer.as_json and code == 0:
            show(_line(facts))
    if printer.as_json:
        printer.show({"ok": not any(codes), "files": results}, "")
    return max(codes)


def _check(file: Place, printer: Printer, options: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    try:
        with printer.progress() as monitor:
            result = verify_file(file, monitor=monitor, **options)
    except GsddError as error:
        return code_of(error), {"error": complain(str(error))}
    if result.problem:
        return EXIT_FORMAT, {**result.to_dict(), "error": complain(result.problem)}
    return 0, result.to_dict()


def _line(facts: dict[str, Any]) -> str:
    line = f"OK  {facts['digest']}  {facts['path']}"
    if facts["decoding"] is None:
        return line
    images, difference = facts["decoding"]["images"], facts["decoding"]["largest_difference"]
    return f"{line}  {images} of {images} images agree, largest difference {difference:.3f} grey levels"
