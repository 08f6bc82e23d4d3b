"""The checkpoint of a training: written every so often, found by the same command, removed at the end."""

import hashlib
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor

from gsdd.errors import FormatError, Interrupted, OutputError
from gsdd.formats.atomic import written_whole
from gsdd.formats.canonical import dumps, loads
from gsdd.monitor import Monitor
from gsdd.run.checkpoint import differences
from gsdd.run.journal import checkpoint_path
from gsdd.students.trainer import Trainer, TrainingState
from gsdd.students.training import AfterStep, run

FORMAT = 1
DIGEST_BYTES = 32
LENGTH_BYTES = 8


class TrainingJournal:
    """Keeps where a training stands on disk.

    Args:
        output: the file that the training will write; the checkpoint lies beside it, hidden.
        identity: what decides the result, JSON values by a name that a user knows.
        seconds: least time between two checkpoints.
        monitor: asked after each step whether to stop there.
        force: start anew where there is a checkpoint that cannot be continued.
    """

    def __init__(
        self, output: Path, identity: Mapping[str, Any], *, seconds: float, monitor: Monitor, force: bool = False
    ) -> None:
        self.path = checkpoint_path(output)
        self._identity, self._seconds, self._monitor, self._force = identity, seconds, monitor, force
        # The first step writes one at once: a place that takes no files is known before hours of work.
        self._written = -math.inf

    def read(self) -> TrainingState | None:
        """Find what an earlier run of the same command left.

        Returns:
            Where it stood; None if there is nothing.

        Raises:
            OutputError: the checkpoint is damaged, or of a run with another recipe or data: these are named.
        """
        try:
            return self._read() if self.path.exists() else None
        except OutputError:
            if not self._force:
                raise
            return None

    def keep(self, trainer: Trainer) -> None:
        """Write a checkpoint if it is time, or if the run is to stop.

        Args:
            trainer: tells where it stands.

        Raises:
            Interrupted: the run is to stop; the checkpoint is written.
            OutputError: it cannot be written; the one before it is untouched.
        """
        stopped = self._monitor.should_stop()
        if stopped or time.monotonic() - self._written >= self._seconds:
            with written_whole(self.path, force=True) as file:
                file.write(_packed(self._identity, trainer.state()))
            self._written = time.monotonic()
        if stopped:
            raise Interrupted(f"interrupted after step {trainer.step}; where it stands is kept in {self.path}")

    def remove(self) -> None:
        """Remove the checkpoint: the output is there."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> TrainingState:
        try:
            identity, state = _unpacked(self.path.read_bytes())
        except (FormatError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OutputError(
                f"{self.path}: the checkpoint cannot be continued: {reason}; `force=True` starts anew"
            ) from error
        if found := differences(identity, self._identity):
            raise OutputError(
                f"{self.path}: the checkpoint of another run ({'; '.join(found)}); give what it was made with to "
                "continue it; `force=True` starts anew"
            )
        return state


def train_resumably(trainer: Trainer, journal: TrainingJournal, after_step: AfterStep, monitor: Monitor) -> None:
    """Do all steps of a training that an earlier run of the same command has left.

    Args:
        trainer: new.
        journal: of the training.
        after_step: called after each step, before a checkpoint is written.
        monitor: hears where it goes on, and how many steps are done.
    """
    state = journal.read()
    if state is not None:
        trainer.load(state)
        monitor.note(f"continuing after step {state.step} of {trainer.recipe.steps}")

    def keep(trainer: Trainer) -> None:
        after_step(trainer)
        journal.keep(trainer)

    run(trainer, keep, monitor)


def _packed(identity: Mapping[str, Any], state: TrainingState) -> bytes:
    """Lay out: sha256 of the rest, length of a JSON text, the text, tensors as safetensors."""
    facts = {"format": FORMAT, "identity": {**identity}, "step": state.step, "curve": {**state.curve}}
    text = dumps(facts).encode()
    rest = len(text).to_bytes(LENGTH_BYTES, "little") + text + bytes_of(_plain(state.tensors))
    return hashlib.sha256(rest).digest() + rest


def _unpacked(data: bytes) -> tuple[dict[str, Any], TrainingState]:
    digest, rest = data[:DIGEST_BYTES], data[DIGEST_BYTES:]
    if hashlib.sha256(rest).digest() != digest:
        raise FormatError("it is damaged: its digest does not hold")
    end = LENGTH_BYTES + int.from_bytes(rest[:LENGTH_BYTES], "little")
    facts = loads(rest[LENGTH_BYTES:end].decode())
    if facts["format"] != FORMAT:
        raise FormatError(f"it has format {facts['format']}; this gsdd continues format {FORMAT}")
    try:
        return facts["identity"], TrainingState(facts["step"], tensors_of(rest[end:]), facts["curve"])
    except SafetensorError as error:
        raise FormatError(f"it is damaged ({error})") from error


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # safetensors takes row-major tensors on the CPU alone.
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
