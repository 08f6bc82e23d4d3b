"""Names of the hidden files that gsdd has beside an output while it works: marked as ours, and never too long."""

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

# Where the file system does not say. Endings, and the dot and digits of a cut name, have their room in it.
_LONGEST = 255
_ROOM = 64
_DIGITS = 12
_OURS = re.compile(r"\.(.+)\.gsdd-(?:[0-9a-f]{16}\.(?:part|unfinished)|lock)", re.DOTALL)


def hidden(path: Path, ending: str) -> Path:
    """Name a hidden file beside another.

    Args:
        path: the other.
        ending: of the name, at most 40 bytes.

    Returns:
        `.<name><ending>`; of a name that leaves no room, its beginning and a digest of it.
    """
    return path.with_name(f".{_short(path)}{ending}")


def new_hidden(path: Path, kind: str) -> Path:
    """Name a hidden file that nobody has: `part`, which becomes the path, or `unfinished`, a folder that does."""
    return hidden(path, f".gsdd-{token_hex(8)}.{kind}")


def is_helper(name: str, of: Path | None = None) -> bool:
    """Tell whether a name is such as these functions give, and `lock`s have.

    Args:
        name: without a folder.
        of: the path that it must be beside; None is any.
    """
    match = _OURS.fullmatch(name)
    return match is not None and (of is None or match[1] == _short(of))


def _short(path: Path) -> str:
    name, most = os.fsencode(path.name), _longest(path.parent) - _ROOM
    if len(name) <= most:
        return path.name
    digest = hashlib.sha256(name).hexdigest()[:_DIGITS]
    return f"{name[: most - _DIGITS - 1].decode(errors='ignore')}~{digest}"


def _longest(folder: Path) -> int:
    if hasattr(os, "pathconf"):
        with suppress(OSError, ValueError):  # a URL has no folder
            return os.pathconf(folder, "PC_NAME_MAX")
    return _LONGEST
