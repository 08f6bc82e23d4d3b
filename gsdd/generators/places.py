"""Where the weights of a named generator may lie on this machine."""

import importlib.util
import os
from pathlib import Path

from gsdd.generators.named import Download, NamedGenerator


def find_weights(named: NamedGenerator) -> Path | None:
    """Say where the weights of a named generator lie on this machine.

    Args:
        named: its entry in the table.

    Returns:
        The .param file in the installed weights package, else the official file in the cache, else None.
    """
    return _packaged(named) or cached(named.download)


def cached(download: Download) -> Path | None:
    """Give the path of a downloaded file, or None if it has not been fetched."""
    path = cache_dir() / download.file
    return path if path.is_file() else None


def cache_dir() -> Path:
    """Give the folder of downloaded weights: $GSDD_CACHE, else $XDG_CACHE_HOME/gsdd, else ~/.cache/gsdd."""
    if own := os.environ.get("GSDD_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gsdd"


def _packaged(named: NamedGenerator) -> Path | None:
    # find_spec locates the package without running its __init__.py.
    spec = importlib.util.find_spec(named.package)
    folders = (spec.submodule_search_locations or ()) if spec else ()
    candidates = (Path(folder) / named.file for folder in folders)
    return next((path for path in candidates if path.is_file()), None)
