"""The checkpoint file of a run: written every so often, found again by the same command, removed at the end."""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gsdd.distill.checkpoint import Checkpoint, State, differences, from_bytes, identity_of, to_bytes
from gsdd.errors import FormatError, GsddError, Interrupted, OutputError
from gsdd.formats import container as files
from gsdd.formats.atomic import write_atomically

Stop = Callable[[], bool]
MOST_NAMED = 8
NO_FACTS: Mapping[str, float] = MappingProxyType({})


def checkpoint_path(output: Path) -> Path:
    """Name the checkpoint of a run: hidden, beside its output."""
    return output.parent / f".{output.name}.checkpoint"


class Journal:
    """Keeps a run's checkpoint on disk.

    Args:
        output: the file that the run will write.
        identity: what decides its content, from `identity_of`.
        seconds: least time between two checkpoints.
        stop: asked after each step whether to stop there; None never does.
        force: start anew where there is a checkpoint that cannot be continued.
    """

    def __init__(
        self,
        output: Path,
        identity: Mapping[str, Any],
        *,
        seconds: float,
        stop: Stop | None = None,
        force: bool = False,
    ) -> None:
        self.path = checkpoint_path(output)
        self._identity, self._seconds, self._stop, self._force = identity, seconds, stop, force
        # The first step writes one at once: a place that takes no files is known before hours of work.
        self._written = -math.inf

    def read(self) -> Checkpoint | None:
        """Find what an earlier run of the same command left.

        Returns:
            Its checkpoint; None if there is none.

        Raises:
            OutputError: it is damaged, or of a run with other options, photos or weights: these are named.
        """
        if not self.path.exists():
            return None
        try:
            return self._read_own()
        except OutputError:
            if not self._force:
                raise
            return None

    def _read_own(self) -> Checkpoint:
        checkpoint = self._read()
        found = differences(checkpoint.identity, self._identity)
        if found:
            more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
            raise OutputError(
                f"{self.path}: the checkpoint of another run ({'; '.join(found[:MOST_NAMED])}{more}); "
                "give what it was made with to continue it; --force (force=True) starts anew"
            )
        return checkpoint

    def keep(self, state: Callable[[], State], facts: Mapping[str, float] = NO_FACTS) -> None:
        """Write a checkpoint if it is time, or if the run is to stop.

        Args:
            state: tells where the run stands.
            facts: what the finished inversion told of itself.

        Raises:
            Interrupted: the run is to stop; the checkpoint is written.
            OutputError: it cannot be written; the one before is untouched.
        """
        stopped = self._stop is not None and self._stop()
        if stopped or time.monotonic() - self._written >= self._seconds:
            write_atomically(self.path, to_bytes(Checkpoint(self._identity, state(), facts)), force=True)
            self._written = time.monotonic()
        if stopped:
            raise Interrupted(f"interrupted; where it stands is kept in {self.path}")

    def remove(self) -> None:
        """Remove the checkpoint: the output is there."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> Checkpoint:
        try:
            return from_bytes(self.path.read_bytes())
        except FormatError as error:
            raise OutputError(
                f"{self.path}: the checkpoint cannot be continued: {error}; --force (force=True) starts anew"
            ) from error
        except OSError as error:
            raise OutputError(f"{self.path}: the checkpoint cannot be read: {error.strerror or error}") from error


def remove_outlived(output: Path) -> None:
    """Remove the checkpoint of a run that was killed between giving its output the name and removing it.

    Args:
        output: a file; what is beside it stays unless it is a checkpoint whose run would end in this very file.
    """
    path = checkpoint_path(output)
    if not (path.is_file() and output.is_file()):
        return
    try:
        checkpoint, manifest = from_bytes(path.read_bytes()), files.read(output).manifest
    except (GsddError, OSError):
        return
    complete = all(manifest.run.get(name) == manifest.recipe.get(name) for name in ("inversion_steps", "iterations"))
    if complete and checkpoint.identity == identity_of(manifest):
        path.unlink(missing_ok=True)
