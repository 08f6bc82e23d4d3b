"""Writing a file whole or not at all, and knowing it again."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gsdd.errors import OutputError

CHUNK = 1 << 20


@contextmanager
def written_whole(target: Path) -> Iterator[IO[bytes]]:
    """Open a file beside the target that takes the target's name when the block ends well, and vanishes otherwise.

    Args:
        target: the path to write; replaced if it exists. Missing folders are made.

    Yields:
        The file, open for writing bytes.

    Raises:
        OutputError: the folder or the file cannot be written.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        # Also where the block failed for another reason; the folder itself may be what is missing.
        if part.parent.is_dir():
            part.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """Digest a file's bytes; 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
