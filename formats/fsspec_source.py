"""Files behind every other protocol that fsspec knows: hf://, s3://, file:// and many more."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from gsdd.errors import SourceError
from gsdd.formats.body import Body
from gsdd.formats.place import Url

# Bytes of a request. A line too slow for one in the time that a server may be silent is taken for silent.
BLOCK = 1 << 18


@contextmanager
def opened(url: Url) -> Iterator[Body]:
    """Ask for a file's size, and open it.

    Args:
        url: of any protocol that fsspec knows.

    Raises:
        ImportError: the protocol needs a package that is not installed.
        SourceError: it is no file.
        Exception: whatever else the protocol raises.
    """
    from fsspec.core import url_to_fs  # comes with torch, costs 0.1 s to import

    files, path = url_to_fs(url.text)
    files.invalidate_cache()  # or sizes are those of before, in a process that runs long
    facts = files.info(path)
    if facts["type"] != "file":
        raise SourceError(f"{url}: is not a file; wanted a .gsdd file")
    with files.open(path, "rb", block_size=BLOCK) as handle:
        yield Body(facts["size"], partial(handle.read, BLOCK))
