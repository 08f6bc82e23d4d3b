"""A .gsdd file that lies elsewhere: a few kilobytes to many megabytes, fetched whole, or refused in time."""

import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from http.client import IncompleteRead
from queue import Empty, SimpleQueue
from threading import Event, Thread
from urllib.error import HTTPError, URLError

from gsdd.errors import GsddError, MissingExtraError, SourceError
from gsdd.formats import fsspec_source, http_source
from gsdd.formats.body import Body
from gsdd.formats.place import Url, without_secrets

# Seconds that a server may be silent, and bytes a second that keep it from being taken for silent.
PATIENCE = 20.0
SLOWEST = 1000
# Bytes: no .gsdd file comes near, and memory has to hold it.
LIMIT = 1 << 30

_Arrived = SimpleQueue[bytes | Exception]


def fetch(url: Url) -> Generator[bytes]:
    """Fetch a file: `http` and `https` by Python itself, other protocols through fsspec.

    There is no limit on the whole time: a slow line that keeps `SLOWEST` is let finish.

    Args:
        url: any that fsspec knows.

    Yields:
        The bytes, as they come. Close the generator to stop the fetching.

    Raises:
        MissingExtraError: the protocol needs a package that is not installed.
        SourceError: the file cannot be had, comes too slowly, is cut short or is too large.
    """
    arrived, unwanted = _Arrived(), Event()
    # A thread: only from outside can a look-up of a host, or headers that dribble, be given up.
    Thread(target=_pump, args=(url, arrived, unwanted), daemon=True).start()
    deadline, received = time.monotonic() + PATIENCE, 0
    try:
        while chunk := _next(arrived, deadline):
            received += len(chunk)
            deadline = min(time.monotonic() + PATIENCE, deadline + len(chunk) / SLOWEST)
            yield chunk
    except Empty:
        raise SourceError(
            f"{url}: stalls: got {received:,} bytes and then too few for {PATIENCE:g} s, wanted at least {SLOWEST:,} "
            "a second; try again, or download it by other means and give the file"
        ) from None
    finally:
        unwanted.set()


def _next(arrived: _Arrived, deadline: float) -> bytes:
    """Wait for what comes next; nothing is the end."""
    item = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
    if isinstance(item, Exception):
        raise item
    return item


def _pump(url: Url, arrived: _Arrived, unwanted: Event) -> None:
    try:
        for chunk in _chunks(url):
            if unwanted.is_set():
                return
            arrived.put(chunk)
        arrived.put(b"")
    except Exception as error:  # each protocol raises its own kinds
        arrived.put(_told(url, error))


def _chunks(url: Url) -> Iterator[bytes]:
    received = 0
    with _opened(url) as body:
        _check_size(url, body.size or 0)
        while chunk := body.read():
            received += len(chunk)
            _check_size(url, received)
            yield chunk
    if body.size not in (None, received):
        raise SourceError(
            f"{url}: got {received:,} bytes, wanted the {body.size:,} that were announced: cut short, or changed while "
            "it was fetched; try again"
        )


def _opened(url: Url) -> AbstractContextManager[Body]:
    if url.protocol in ("http", "https"):
        return http_source.opened(url, 2 * PATIENCE)  # by then the thread is given up, and ends
    return fsspec_source.opened(url)


def _check_size(url: Url, size: int) -> None:
    if size > LIMIT:
        raise SourceError(
            f"{url}: has {size:,} bytes or more, wanted at most {LIMIT:,}; if it is a .gsdd file, download it and give "
            "the file"
        )


def _told(url: Url, error: Exception) -> GsddError:
    """Say in one line what was raised, whoever raised it, without the URL's secrets."""
    if isinstance(error, GsddError):
        return error
    if isinstance(error, ImportError):
        return _missing(url, error)
    told = SourceError(f"{url}: cannot be fetched: {without_secrets(' '.join(_reason(error).split()))}")
    told.__cause__ = error
    return told


def _missing(url: Url, error: ImportError) -> MissingExtraError:
    cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    package = (cause.name or "").partition(".")[0]
    what = f"needs the package {package}, which is not installed; pip install {package}" if package else str(error)
    return MissingExtraError(f"{url}: {what}")


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        error.close()  # it is the server's answer, and would keep the connection open
        return f"the server answers {error.code} {error.reason}"
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        return _reason(error.reason)
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IncompleteRead):
        return "it is cut short"
    return error.strerror if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
