"""The digest of a file."""

import hashlib
from pathlib import Path

from gsdd.formats.opening import opened


def file_digest(path: Path) -> str:
    """Compute the sha256 of a file's bytes.

    Args:
        path: any file.

    Returns:
        64 hexadecimal digits.

    Raises:
        OSError: as for `opened`.
    """
    with opened(path) as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
