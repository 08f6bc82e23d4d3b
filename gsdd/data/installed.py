"""Files that installed packages carry."""

import importlib.util
from pathlib import Path


def installed_file(package: str, path: str) -> Path | None:
    """Find a file by its path in a package, without running the package's code; None if either is not here."""
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return next((file for folder in folders if (file := Path(folder) / path).is_file()), None)
