"""Where a file lies that is read: a path, or a URL as the user wrote it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

_PROTOCOL = r"[A-Za-z][\w+.-]+"
_URL = re.compile(rf"(?:{_PROTOCOL}::)*{_PROTOCOL}://")
# fsspec chains URLs: zip://ost.gsdd::https://host/sets.zip
_LINK = re.compile(rf"::(?={_PROTOCOL}(?:://|::))")
# May hold passwords and signed tokens: what stands before the host, and behind the path.
_SECRET = re.compile(rf"(?<=://)[^/?#]+(?=@)|(?<=[?#]).+?(?=::{_PROTOCOL}(?:://|::)|$)")


@dataclass(frozen=True, repr=False)
class Url:
    """A URL. As text, in messages and reports, it shows neither credentials nor a query; `os.fspath` gives all of it.

    Args:
        text: as the user wrote it.
    """

    text: str

    def __fspath__(self) -> str:
        return self.text

    def __str__(self) -> str:
        return _SECRET.sub("...", self.text)

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"

    @property
    def protocol(self) -> str:
        """What comes before the first `::` or `://`, in lower case."""
        return re.split("::|://", self.text, maxsplit=1)[0].lower()

    @property
    def name(self) -> str:
        """The last part of the path, without the query; the host where there is no path."""
        link = next(part for part in _LINK.split(str(self)) if "://" in part)
        place = re.split("[?#]", link.partition("://")[2].removeprefix("...@"))[0]
        return PurePosixPath(place).name or self.protocol

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.name).stem


Place: TypeAlias = Path | Url


def place_of(given: str | os.PathLike[str]) -> Place:
    """Tell a URL, such as `https://host/ost.gsdd` or `s3://bucket/ost.gsdd`, from a path.

    Args:
        given: either, as text or as an object.
    """
    text = os.fspath(given)
    return Url(text) if _URL.match(text) else Path(text)


def without_secrets(text: str) -> str:
    """Take credentials and queries out of the URLs in a text of somebody else."""
    return re.sub(rf"{_PROTOCOL}://\S+", lambda match: str(Url(match[0])), text)
