"""How a command of `gsdd` is run, of whichever Python GSDD_PYTHON names, and what is seen of it."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PYTHON = os.environ.get("GSDD_PYTHON", sys.executable)
# What commands of these tests take at most: a tenth of it where nothing else runs.
PATIENCE = 30.0
# Beyond what its imports take, and four times what is read, a command has so much memory.
ROOM = 300 << 20

SMALL = ["--ipc", "1", "--hr-size", "32", "--generator", "realesr-animevideov3", "--preset", "quick"]
SHORT = [*SMALL, "--iterations", "0", "--inversion-steps", "1"]
TRAIN = ["--student", "small", "--size", "small", "--crop", "32", "--batch", "2", "--iterations"]


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: that a shell would see; of a signal its negative number, and -9 of a command that took too long.
        out: its stdout.
        err: its stderr.
        seconds: that it took.
        peak: bytes of memory beyond its imports.
    """

    code: int
    out: str
    err: str
    seconds: float
    peak: int

    def refused(self, *words: str, code: int = 1) -> bool:
        """Tell whether it ended with that code and one line on stderr that holds these words."""
        assert (self.code, self.err.count("\n")) == (code, 1), self
        assert self.err.startswith("gsdd: "), self
        assert [word for word in words if word not in self.err] == [], self
        return True

    def did(self, *words: str) -> bool:
        """Tell whether it ended well, and these words stand on stderr."""
        assert self.code == 0, self
        assert [word for word in words if word not in self.err] == [], self
        return True

    def within(self, *paths: Path) -> bool:
        """Tell whether its memory was within what files of these bytes on disk may take."""
        allowed = 4 * sum(512 * path.stat().st_blocks for path in paths) + ROOM
        assert self.peak <= allowed, f"{self.peak >> 20} MiB for {allowed >> 20}: {self}"
        return True


def started(*words: object, before: tuple[str, ...] = (), **how: object) -> subprocess.Popen:
    """Start `python -m gsdd` as a process of its own, perhaps by another command; its streams are pipes of text."""
    given = {"env": os.environ | {"OMP_NUM_THREADS": "1"} | how.pop("env", {}), **how}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "errors": "replace"}
    return subprocess.Popen([*before, PYTHON, "-m", "gsdd", *map(str, words)], **streams, **given)


def ended(process: subprocess.Popen, seconds: float = PATIENCE) -> Ended:
    """Wait for a process; one that takes longer is killed."""
    began = time.monotonic()
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate()
    return Ended(process.returncode, out, err, time.monotonic() - began, 0)
