"""The checkpoints of a run, the last two: written every so often, found by the same command, removed at the end."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gsdd.distill.curves import Curves
from gsdd.distill.run import State
from gsdd.errors import DivergedError, FormatError, GsddError, Interrupted, OutputError
from gsdd.formats import container as files
from gsdd.formats.atomic import written_whole
from gsdd.formats.canonical import dumps
from gsdd.formats.helper_names import hidden
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.workers import ALONE, Workers
from gsdd.run.checkpoint import STAGES, Checkpoint, Kinds, differences, identity_of, read, write

MOST_NAMED = 8


def checkpoint_path(output: Path) -> Path:
    """Name the checkpoint of a run: hidden, beside its output."""
    return hidden(output, ".checkpoint")


def checkpoint_paths(output: Path) -> tuple[Path, Path]:
    """Name both checkpoints of a run: the newest, and the one before it."""
    return checkpoint_path(output), hidden(output, ".checkpoint.previous")


class Journal:
    """Keeps a run's last two checkpoints on disk: where the newest is damaged, the one before it is there.

    Args:
        output: the file that the run will write.
        seconds: least time between two checkpoints.
        monitor: asked after each step whether to stop there; rank 0's answer counts.
        force: start anew where there is a checkpoint that cannot be continued.
        workers: the processes of the run; rank 0 writes.
        kinds: of state that it keeps, by name.

    Attributes:
        path: of the newest checkpoint.
        curves: the losses that it heard of, those before the checkpoint that the run goes on from included.
    """

    def __init__(
        self,
        output: Path,
        *,
        seconds: float,
        monitor: Monitor = SILENT,
        force: bool = False,
        workers: Workers = ALONE,
        kinds: Kinds = STAGES,
    ) -> None:
        self.path, self._previous = checkpoint_paths(output)
        self._seconds, self._monitor, self._force = seconds, monitor, force
        self._workers, self._kinds = workers, kinds
        self.curves = Curves()
        self._identity: Mapping[str, Any] = {}
        # The first step writes one at once: a place that takes no files is known before hours of work.
        self._written = -math.inf
        # Known to be whole and of this run. What is not never takes the place of one that is.
        self._newest_is_sound = False

    def begin(self, identity: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of one of its kinds
        """Find what an earlier run of the same command left.

        Args:
            identity: what decides the content of the output, from `identity_of`.

        Returns:
            Where the newest checkpoint that is whole stands; None if there is none at all.

        Raises:
            OutputError: all that are there are damaged, or it is of a run with other options, photos or weights: these
                are named; or the processes of the run see different ones.
        """
        self._identity = identity
        checkpoint = self._read_or_start_anew()
        self._check_alike(checkpoint)
        self.curves.begin(checkpoint.curves if checkpoint else {})
        return checkpoint.state if checkpoint else None

    def _read_or_start_anew(self) -> Checkpoint | None:
        try:
            return self._read()
        except OutputError:
            if not self._force:
                raise
            return None

    def _check_alike(self, checkpoint: Checkpoint | None) -> None:
        """Refuse a run whose processes would not compute the same: machines with other photos, or no common folder."""
        there = checkpoint.digest if checkpoint else None
        if not self._workers.alike(dumps({"identity": {**self._identity}, "checkpoint": there})):
            raise OutputError(
                f"{self.path}: the processes of the run have other photos, options or checkpoints; give all of them "
                "the same command, photos and output folder"
            )

    def _read(self) -> Checkpoint | None:
        damaged: list[str] = []
        for path in filter(Path.exists, (self.path, self._previous)):
            found = _read_or_tell_why_not(path, self._kinds)
            if isinstance(found, Checkpoint):
                self._check_own(path, found)
                self._newest_is_sound = path == self.path
                if damaged:
                    self._monitor.note(f"{damaged[0]}; the one before it is sound")
                return found
            damaged.append(found)
        if damaged:
            raise OutputError(f"{'; '.join(damaged)}; `force=True` starts anew")
        return None

    def _check_own(self, path: Path, checkpoint: Checkpoint) -> None:
        found = differences(checkpoint.identity, self._identity)
        if found:
            more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
            raise OutputError(
                f"{path}: the checkpoint of another run ({'; '.join(found[:MOST_NAMED])}{more}); "
                "give what it was made with to continue it; `force=True` starts anew"
            )

    def hear(self, stage: str, step: int, total: int, loss: float) -> None:
        """Hear the loss of a step; see `Curves.add`."""
        self.curves.add(stage, step, total, loss)

    def keep(self, state: Callable[[], State]) -> None:
        """Write a checkpoint if it is time, or if the run is to stop; the one before it is kept.

        Args:
            state: tells where the run stands.

        Raises:
            Interrupted: the run is to stop; the checkpoint is written.
            OutputError: it cannot be written; those before are untouched.
            DivergedError: the state is not finite; those before are untouched.
        """
        stopped = self._workers.agree(self._monitor.should_stop())
        if self._workers.agree(stopped or time.monotonic() - self._written >= self._seconds):
            self._write(Checkpoint(self._identity, _finite(state()), curves=self.curves.to_json()))
        if stopped:
            raise Interrupted(f"interrupted; the state is saved in {self.path}")

    def _write(self, checkpoint: Checkpoint) -> None:
        previous = self._previous if self._newest_is_sound else None
        if self._workers.rank == 0:
            with written_whole(self.path, force=True, previous=previous) as file:
                write(file, checkpoint, self._kinds)
        self._workers.meet()
        self._written, self._newest_is_sound = time.monotonic(), True

    def end(self) -> None:
        """Remove the checkpoints once the output exists. One that cannot be removed is reported, and is no failure."""
        for path in (self.path, self._previous):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self._monitor.note(f"{path}: the checkpoint cannot be removed: {error.strerror or error}")


def _finite(state: State) -> State:
    """Refuse a state from which nothing good could come, before it takes the place of one that is sound."""
    for name, tensor in state.parts()[0].items():
        if tensor.is_floating_point() and bool(tensor.isfinite().logical_not_().any()):
            raise DivergedError(f"the run diverged: {name} is not finite; lower the learning rate")
    return state


def _read_or_tell_why_not(path: Path, kinds: Kinds) -> Checkpoint | str:
    try:
        return read(path, kinds)
    except (FormatError, OSError) as error:
        return f"{path}: the checkpoint cannot be continued: {getattr(error, 'strerror', None) or error}"


def remove_outlived(output: Path) -> None:
    """Remove the checkpoints of a run that was killed between giving its output the name and removing them.

    Args:
        output: a file; what is beside it stays unless it is a checkpoint whose run would end in this very file.
    """
    there = [path for path in checkpoint_paths(output) if path.is_file()]
    if not (there and output.is_file()):
        return
    with suppress(GsddError, OSError):
        manifest = files.read(output).manifest
        complete = all(
            manifest.run.get(name) == manifest.recipe.get(name) for name in ("inversion_steps", "iterations")
        )
        for path in there if complete else ():
            with suppress(FormatError):
                if read(path).identity == identity_of(manifest):
                    path.unlink()
