"""File names as text that can be printed, logged and stored, whatever bytes the file system holds."""

import os
from pathlib import PurePath

from gsdd.formats.text import escaped


def printable(name: str | PurePath) -> str:
    """Write a file name so that it is one line, has no control characters and encodes as UTF-8.

    Args:
        name: as Python reads it from the file system. The folders of a path are separated by slashes, on Windows too.

    Returns:
        The name as UTF-8, whatever the locale calls its bytes, and as `escaped` writes it.
    """
    text = name if isinstance(name, str) else name.as_posix()
    return escaped(_as_utf8(text))


def _as_utf8(text: str) -> str:
    try:
        return os.fsencode(text).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # of no file of this machine
        return text
