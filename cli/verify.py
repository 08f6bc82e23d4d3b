"""`gsdd verify`: whether files are sound."""

from pathlib import Path
from typing import Any

import click

from gsdd.cli.main import EXIT_FAILED, EXIT_FORMAT
from gsdd.cli.options import json_option, note, print_json
from gsdd.errors import FormatError, SourceError
from gsdd.formats.container import read


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def verify(files: tuple[Path, ...], as_json: bool) -> int:
    """Check every byte of each FILE against its digests, and its content for sense.

    Exit code 0 if all are sound, 3 if one is not, 1 if one cannot be read.
    """
    codes, results = [], []
    for file in files:
        code, result = _check(file)
        codes.append(code)
        results.append(result)
        if not as_json and code == 0:
            click.echo(f"OK  {result['digest']}  {file}")
    if as_json:
        print_json({"ok": not any(codes), "files": results})
    return max(codes)


def _check(file: Path) -> tuple[int, dict[str, Any]]:
    try:
        contents = read(file)
    except (FormatError, SourceError) as error:
        text = " ".join(str(error).split())
        note(f"gsdd: {text}")
        code = EXIT_FORMAT if isinstance(error, FormatError) else EXIT_FAILED
        return code, {"path": str(file), "ok": False, "error": text}
    facts = {"container": contents.container, "bytes": contents.size, "latents": contents.manifest.latents}
    return 0, {"path": str(file), "ok": True, "digest": contents.document.digest, **facts}
