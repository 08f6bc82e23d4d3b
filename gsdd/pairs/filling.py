"""Decodes latents into shared memory on a thread of the trainer's process, those that are waited for first."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gsdd.errors import GsddError
from gsdd.formats.manifest import DEGRADATION
from gsdd.generators.generator import Generator
from gsdd.pairs.decode import CHUNK, decode, low_resolution
from gsdd.pairs.shared import ArrayLayout, SharedArrays

# Seconds between two looks at a chunk that is waited for, and between two looks whether its decoder is still there.
PAUSE = 0.001
LOOK = 1.0


class Chunks:
    """Which chunks of latents are decoded, and which are waited for; every process that has it sees the same.

    Args:
        latents: how many there are.
        done: all are decoded already.
    """

    def __init__(self, latents: int, *, done: bool = False) -> None:
        chunks = -(-latents // CHUNK)
        self._flags = SharedArrays(
            {
                "ready": ArrayLayout("u1", (chunks,)),
                "wanted": ArrayLayout("i8", (chunks,)),  # since when, in nanoseconds
                "ended": ArrayLayout("u1", (1,)),
            }
        )
        self._flags["ready"][:] = done
        self._owner = os.getpid()

    def next_chunk(self) -> int | None:
        """Choose the chunk to decode: the one wanted longest, else the first; None when all are decoded."""
        missing = np.flatnonzero(self._flags["ready"] == 0)
        if not missing.size:
            return None
        since = self._flags["wanted"][missing]
        return int(missing[np.where(since, since, np.iinfo(np.int64).max).argmin()])

    def want(self, chunks: Iterable[int]) -> None:
        """Ask for chunks to be decoded before those that nobody asked for."""
        wanted, now = self._flags["wanted"], time.monotonic_ns()
        for chunk in chunks:
            wanted[chunk] = wanted[chunk] or now

    @property
    def all_done(self) -> bool:
        """Whether every chunk is decoded."""
        return bool(self._flags["ready"].all())

    def done(self, chunk: int) -> None:
        """Tell that a chunk is decoded."""
        self._flags["ready"][chunk] = 1

    def end(self) -> None:
        """Tell that no more chunks will come."""
        self._flags["ended"][0] = 1

    def wait(self, chunk: int) -> None:
        """Return once a chunk is decoded.

        Args:
            chunk: its number.

        Raises:
            GsddError: it never will be.
        """
        if self._flags["ready"][chunk]:
            return
        self.want([chunk])
        look = time.monotonic() + LOOK
        while not self._flags["ready"][chunk]:
            if time.monotonic() > look or self._flags["ended"][0]:
                self._check_owner(chunk)
                look += LOOK
            time.sleep(PAUSE)

    def _check_owner(self, chunk: int) -> None:
        if not _is_running(self._owner):
            raise GsddError(f"the trainer's process {self._owner}, which decodes the latents, is gone; start it again")
        if self._flags["ended"][0] and not self._flags["ready"][chunk]:
            raise GsddError("decoding the latents failed in the trainer's process; call complete() there to see why")


class Filling:
    """Decodes all latents once; the generator is let go at the end.

    Args:
        latents: z, float32 `[N, C, h, w]`.
        generator: G, on its device.
        images: `hr` and `lr`, uint8 `[N, 3, H, W]` and `[N, 3, H / scale, W / scale]`, to be filled.
        chunks: told of each that is decoded.
        finish: called when all are decoded; may be None.

    Raises:
        GsddError: the first chunk cannot be decoded.
    """

    def __init__(
        self,
        latents: Tensor,
        generator: Generator,
        images: SharedArrays,
        chunks: Chunks,
        finish: Callable[[], None] | None,
    ) -> None:
        self._latents, self._images, self._chunks, self._finish = latents, images, chunks, finish
        self._stopped = threading.Event()
        self._error: Exception | None = None
        # What torch loads on first use is loaded here: a process that is forked later must find no half-done import.
        self._fill(0, generator)
        self._thread = threading.Thread(target=self._run, args=(generator,), name="gsdd decoding", daemon=True)
        self._thread.start()
        if generator.device.type != "cpu":
            # `decode` sets flags of cuDNN, which are those of the whole process: not while a trainer runs.
            self._thread.join()

    def stop(self) -> None:
        """End the thread after the chunk at hand."""
        self._stopped.set()
        # Garbage may be collected on any thread.
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def complete(self) -> None:
        """Return once all latents are decoded.

        Raises:
            GsddError: they could not be.
        """
        self._thread.join()
        if self._error is not None:
            raise GsddError(f"the latents could not be decoded: {self._error!r}") from self._error

    def _run(self, generator: Generator) -> None:
        try:
            while not self._stopped.is_set():
                chunk = self._chunks.next_chunk()
                if chunk is None:
                    break
                self._fill(chunk, generator)
            else:
                return
            if self._finish:
                self._finish()
        except Exception as error:
            self._error = error
        finally:
            self._chunks.end()

    def _fill(self, chunk: int, generator: Generator) -> None:
        rows = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        hr = decode(generator, self._latents[rows])
        self._put("hr", rows, hr.numpy())
        self._put("lr", rows, low_resolution(hr, int(DEGRADATION["scale"])).numpy())
        self._chunks.done(chunk)

    def _put(self, name: str, rows: slice, images: NDArray[Any]) -> None:
        self._images[name][rows] = images


def _is_running(process: int) -> bool:
    """Tell whether a process is there and not only waits to be reaped."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return False
    return fields[0] not in "XZ"
