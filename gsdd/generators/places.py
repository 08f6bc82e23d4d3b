"""Where the weights of a named generator may lie on this machine."""

import os
from pathlib import Path

from gsdd.data.installed import installed_file
from gsdd.generators.named import Download, NamedGenerator


def find_weights(named: NamedGenerator) -> Path | None:
    """Say where the weights of a named generator lie on this machine.

    Args:
        named: its entry in the table.

    Returns:
        The .param file in the installed weights package, else the official file in the cache, else None.
    """
    return installed_file(named.package, named.file) or cached(named.download)


def cached(download: Download) -> Path | None:
    """Give the path of a downloaded file, or None if it has not been fetched."""
    path = cache_dir() / download.file
    return path if path.is_file() else None


def cache_dir() -> Path:
    """Give the folder of downloaded weights: $GSDD_CACHE, else $XDG_CACHE_HOME/gsdd, else ~/.cache/gsdd."""
    if own := os.environ.get("GSDD_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gsdd"
