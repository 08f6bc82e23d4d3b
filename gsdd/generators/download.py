"""Official weights -> the cache, only when asked for, and only the very bytes that were expected."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

from gsdd.errors import GeneratorError, OutputError
from gsdd.formats.atomic import check_output, written_whole
from gsdd.formats.digest import file_digest
from gsdd.generators.named import NamedGenerator
from gsdd.generators.places import cache_dir, cached
from gsdd.monitor import SILENT, Monitor

TIMEOUT_SECONDS = 60
CHUNK = 1 << 20
KILOBYTE = 1000


def fetch(named: NamedGenerator, *, dry_run: bool = False, monitor: Monitor = SILENT) -> Path:
    """Download the official weights of a named generator into the cache, unless they are there.

    Args:
        named: the generator.
        dry_run: download nothing.
        monitor: told of the kilobytes that have come.

    Returns:
        The file in the cache, or where it would be.

    Raises:
        GeneratorError: there is nothing to download, it cannot be had, or it is not what was expected.
        OutputError: the cache cannot be written.
    """
    wanted = named.download
    present = cached(wanted)
    if present and file_digest(present) == wanted.sha256:
        return present
    if wanted.url is None:
        raise GeneratorError(
            f"generator {named.name} has no direct download; pip install {named.distribution}, or get {wanted.file} "
            f"by hand from {named.home} and give it with `generator=PATH` (its sha256 is {wanted.sha256})"
        )
    target = cache_dir() / wanted.file
    if not dry_run:
        download(wanted.url, target, size=wanted.bytes, sha256=wanted.sha256, monitor=monitor)
    return target


def download(url: str, target: Path, *, size: int, sha256: str, monitor: Monitor = SILENT) -> None:
    """Download a file, check it, and only then give it its name.

    Args:
        url: where it is.
        target: where it goes; replaced if it exists.
        size: bytes that it must have.
        sha256: digest that it must have.
        monitor: told of the kilobytes that have come.

    Raises:
        GeneratorError: the file cannot be had, or has another size or digest; nothing is left behind.
        OutputError: the target cannot be written.
    """
    digest, received = hashlib.sha256(), 0
    _make_folder(target.parent)
    check_output(target, force=True)
    with written_whole(target, force=True) as file:
        for chunk in _chunks(url):
            received += len(chunk)
            if received > size:
                break
            digest.update(chunk)
            file.write(chunk)
            monitor.progress("kB", -(-received // KILOBYTE), -(-size // KILOBYTE))
        if received != size or digest.hexdigest() != sha256:
            got, wanted = f"{received} bytes, sha256 {digest.hexdigest()}", f"{size} bytes, sha256 {sha256}"
            raise GeneratorError(f"{url}: deleted: not the file that was expected: got {got}; wanted {wanted}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror or error}; $GSDD_CACHE names another") from error


def _chunks(url: str) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
            while chunk := response.read(CHUNK):
                yield chunk
    except (OSError, HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it is the server's answer, and would keep the connection open
        raise GeneratorError(
            f"{url}: cannot be downloaded: {error}; try again, or get it by hand and give it with `generator=PATH`"
        ) from error
