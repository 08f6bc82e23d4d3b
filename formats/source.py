"""A .gsdd file that is read, as an open file on disk: a path, or what a URL gives."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from tempfile import TemporaryFile
from typing import IO

from gsdd.errors import FormatError, SourceError
from gsdd.formats.containers import HEAD, most_bytes, recognise
from gsdd.formats.opening import NotAFileError, is_locked, opened
from gsdd.formats.place import Place, Url

_WRITTEN = "is open for writing elsewhere; wait until that is done, or close it there"


@contextmanager
def open_source(place: Place) -> Iterator[IO[bytes]]:
    """Open a file, and name it in what the block raises.

    Args:
        place: a path of unknown origin, or a URL.

    Yields:
        The file, at its start.

    Raises:
        FormatError: the block raised one, or it is no file.
        SourceError: no such file, or it cannot be opened or fetched.
        MissingExtraError: the URL's protocol needs a package that is not installed.
    """
    try:
        with _opened(place) as file:
            try:
                yield file
            except FormatError as error:
                # h5py locks what it writes, and until then its digest does not hold.
                if is_locked(file):
                    raise FormatError(_WRITTEN) from error
                raise
    except FormatError as error:
        raise FormatError(f"{place}: {error}") from error
    except NotAFileError as error:
        raise FormatError(f"{place}: is not a file; wanted a .gsdd file") from error
    except FileNotFoundError as error:
        raise SourceError(f"{place}: no such file") from error
    except OSError as error:
        raise SourceError(f"{place}: cannot be read: {error.strerror or error}") from error


def _opened(place: Place) -> IO[bytes]:
    if not isinstance(place, Url):
        return opened(place)
    file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - it goes with the last reference
    try:
        for chunk in _fetched(place):
            file.write(chunk)
        file.flush()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _fetched(url: Url) -> Iterator[bytes]:
    """Fetch a file; no more of it where its first bytes show that it is none, and than its header calls for."""
    from gsdd.formats.remote import fetch  # imports HTTP, for longer than most files take to read

    start, received, most = bytearray(), 0, None
    with closing(fetch(url)) as chunks:
        for chunk in chunks:
            received += len(chunk)
            if most is None:
                start += chunk
                most = most_bytes(bytes(start))
            if most is not None and received > most:
                raise FormatError(f"sends more than the {most:,} bytes that its header calls for")
            yield chunk
    recognise(bytes(start[:HEAD]))
