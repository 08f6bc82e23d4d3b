"""A file that keeps decoded pairs from one run to the next."""

import os
from dataclasses import dataclass
from pathlib import Path

from gsdd.errors import OutputError
from gsdd.formats.atomic import begin_unfinished, remove_orphans
from gsdd.distilled.latent_set import LatentSet


@dataclass(frozen=True)
class CacheFile:
    """Where the pairs of some latents and a generator are kept; the bytes are those of `SharedArrays`.

    Attributes:
        folder: it lies here.
        name: a function of the latents and the weights alone.
        size: in bytes.
    """

    folder: Path
    name: str
    size: int

    @classmethod
    def of(cls, folder: Path, distilled: LatentSet, fingerprint: str, size: int) -> "CacheFile":
        """Name the file of these latents under the generator of that fingerprint."""
        return cls(folder, f"{distilled.latents_sha256[:24]}-{fingerprint[:24]}.pairs", size)

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.name

    def open_whole(self) -> int | None:
        """Open the file to read if it is there, whole.

        Returns:
            A descriptor, or None.

        Raises:
            OutputError: the folder is none, or may not be looked into.
        """
        try:
            if self.path.stat().st_size == self.size:
                return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be read: {error.strerror or error}") from error
        return None

    def begin(self) -> tuple[int, Path]:
        """Make room for the pairs under a name that tells that they are not whole.

        Returns:
            A descriptor of `size` zero bytes, and the name.

        Raises:
            OutputError: the folder cannot be written, or has no room.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_orphans(self.folder, self.name)
            descriptor, part = begin_unfinished(self.path)
            return self._reserve(descriptor, part), part
        except OSError as error:
            raise OutputError(f"{self.folder}: decoded pairs cannot be kept: {error.strerror or error}") from error

    def finish(self, descriptor: int, part: Path) -> None:
        """Give the file its name, now that all pairs are in it."""
        os.fsync(descriptor)
        part.replace(self.path)

    def _reserve(self, descriptor: int, part: Path) -> int:
        try:
            # Without room set aside, a disk that fills up later would end the process by SIGBUS.
            os.posix_fallocate(descriptor, 0, self.size)
        except OSError:
            os.close(descriptor)
            part.unlink(missing_ok=True)
            raise
        return descriptor
