"""The digest of a file."""

import hashlib
from pathlib import Path


def file_digest(path: Path) -> str:
    """Compute the sha256 of a file's bytes.

    Args:
        path: any file.

    Returns:
        64 hexadecimal digits.
    """
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
