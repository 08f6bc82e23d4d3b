"""Files behind `http` and `https`, by Python's own client."""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from string import punctuation
from urllib import request as library
from urllib.parse import quote, unquote, urlsplit

from gsdd.errors import SourceError
from gsdd.formats.body import Body
from gsdd.formats.place import Url

CHUNK = 1 << 16


@contextmanager
def opened(url: Url, seconds: float) -> Iterator[Body]:
    """Ask for a file; redirects are followed, to `http` and `https` alone.

    Args:
        url: of either protocol; credentials in it are sent to its host, and not to where that redirects.
        seconds: that the server may be silent.

    Raises:
        SourceError: the file is not sent as it is.
        OSError: it cannot be had; HTTPException and ValueError too.
    """
    # Not the default opener, which also follows ftp:// and opens file:// and data:.
    opener = library.OpenerDirector()
    for handler in (
        library.ProxyHandler, library.HTTPHandler, library.HTTPSHandler, library.HTTPErrorProcessor,
        library.HTTPRedirectHandler, library.HTTPDefaultErrorHandler, library.UnknownHandler,
    ):  # fmt: skip
        opener.add_handler(handler())
    address, credentials = _split(url)
    request = library.Request(address, headers={"User-Agent": "gsdd"})
    for value in credentials:
        request.add_unredirected_header("Authorization", value)
    with opener.open(request, timeout=seconds) as response:
        coding = response.headers.get("Content-Encoding", "identity")
        if coding.lower() != "identity":
            raise SourceError(f"{url}: comes with the Content-Encoding {coding!r}, wanted the file as it is")
        yield Body(response.length, partial(response.read1, CHUNK))


def _split(url: Url) -> tuple[str, list[str]]:
    """Give the address as HTTP wants it, and the value of the header that says who asks, if the URL does."""
    parts = urlsplit(url.text)
    user, _, host = parts.netloc.rpartition("@")
    path, query = (quote(part, safe=punctuation) for part in (parts.path, parts.query))
    address = parts._replace(netloc=host, path=path, query=query, fragment="").geturl()
    return address, [f"Basic {b64encode(unquote(user).encode()).decode()}"] if user else []
