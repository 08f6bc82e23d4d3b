"""All pairs of a file as uint8 images in memory that a trainer and its workers share."""

import os
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsdd.formats.manifest import DEGRADATION
from gsdd.generators.generator import Generator
from gsdd.pairs.cache_file import CacheFile
from gsdd.pairs.decode import CHUNK
from gsdd.pairs.distilled import Distilled
from gsdd.pairs.filling import Chunks, Filling
from gsdd.pairs.shared import ArrayLayout, SharedArrays, size_of


class PairCache:
    """Decodes each latent once, in the process that makes it; every other one only reads.

    Args:
        distilled: the latents.
        load_generator: called only if something is to be decoded.
        folder: keeps the pairs on disk, for the next run too; None keeps them in memory.
        fingerprint: of the generator, if it is known without loading.

    Raises:
        GeneratorError: no usable generator.
        OutputError: no room in the folder.
    """

    def __init__(
        self,
        distilled: Distilled,
        load_generator: Callable[[], Generator],
        folder: Path | None = None,
        fingerprint: str | None = None,
    ) -> None:
        self._layouts = _layouts(distilled)
        self._filling: Filling | None = None
        self._whole = False
        generator = None
        kept = self._open_kept(distilled, folder, fingerprint)
        if kept is None:
            generator = load_generator()
            kept = self._open_kept(distilled, folder, generator.fingerprint)
        self._chunks = Chunks(len(distilled), done=kept is not None)
        if kept is not None:
            self._images = SharedArrays(self._layouts, kept)
        elif generator is not None:
            self._begin(distilled, generator, folder)

    def pair(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return a pair, waiting for it if need be.

        Args:
            number: which latent.

        Returns:
            LR and HR, uint8 RGB `[3, h, w]` and `[3, H, W]`; not copied.

        Raises:
            GsddError: it cannot be decoded.
        """
        self._chunks.wait(number // CHUNK)
        return self._images["lr"][number], self._images["hr"][number]

    def want(self, numbers: Iterable[int]) -> None:
        """Ask for pairs to be decoded before others; `pair` then waits for them."""
        if not self._whole:
            self._whole = self._chunks.all_done
            self._chunks.want({number // CHUNK for number in numbers})

    def complete(self) -> None:
        """Return once every pair is there.

        Raises:
            GsddError: they could not be decoded, or not be kept.
        """
        if self._filling is not None:
            self._filling.complete()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_filling": None}

    def _open_kept(self, distilled: Distilled, folder: Path | None, fingerprint: str | None) -> int | None:
        if folder is None or fingerprint is None:
            return None
        return self._file(distilled, folder, fingerprint).open_whole()

    def _file(self, distilled: Distilled, folder: Path, fingerprint: str) -> CacheFile:
        return CacheFile.of(folder, distilled, fingerprint, size_of(self._layouts))

    def _begin(self, distilled: Distilled, generator: Generator, folder: Path | None) -> None:
        if folder is None:
            self._images = SharedArrays(self._layouts)
            finish = None
        else:
            file = self._file(distilled, folder, generator.fingerprint)
            descriptor, part = file.begin()
            self._images = SharedArrays(self._layouts, descriptor)
            weakref.finalize(self, _remove, part, os.getpid())
            finish = partial(file.finish, descriptor, part)
        self._filling = Filling(distilled.latents, generator, self._images, self._chunks, finish)
        # Made last, it is called first: what the thread works on outlives it.
        weakref.finalize(self, self._filling.stop)


def _layouts(distilled: Distilled) -> dict[str, ArrayLayout]:
    high = distilled.manifest.hr_size
    low = high // int(DEGRADATION["scale"])
    shapes = {name: (len(distilled), 3, side, side) for name, side in (("lr", low), ("hr", high))}
    return {name: ArrayLayout("u1", shape) for name, shape in shapes.items()}


def _remove(part: Path, owner: int) -> None:
    """Remove an unfinished file; not from a forked worker, whose copy of the cache ends first."""
    if os.getpid() == owner:
        part.unlink(missing_ok=True)
