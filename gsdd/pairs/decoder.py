"""Latents of files -> pairs of images, each file by the generator that it was made with."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gsdd.distilled.decode import CHUNK
from gsdd.distilled.latent_set import LatentSet
from gsdd.errors import Interrupted
from gsdd.generators.generator import Generator
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.device import announcing, pick_device

Pixels = NDArray[np.uint8]


class Decoder:
    """Loads generators when they are needed, each once, and runs them.

    Args:
        generator: a named generator or a path of weights; None takes the one that each file holds or names.
        device: where it runs; see `pick_device`.
        force: take weights that are not those that a file was made with.
        monitor: told of the pairs, and of weights that are not exactly those of a file.
    """

    def __init__(
        self, generator: str | None = None, device: str = "auto", force: bool = False, monitor: Monitor = SILENT
    ) -> None:
        self.generator, self._device, self._force, self._monitor = generator, device, force, monitor
        self._loaded: dict[str, Generator] = {}

    def load(self, latents: LatentSet) -> Generator:
        """Load the generator of a file.

        Raises:
            GeneratorError: it is not here, or not the file's.
            RecipeError: torch cannot use the device.
        """
        made_with = latents.manifest.generator.fingerprint
        if made_with not in self._loaded:
            place = pick_device(self._device)
            model, note = latents.load_generator(self.generator, device=place, force=self._force)
            if not self._loaded:
                self._monitor = announcing(self._monitor, self._device, place)
            if note:
                self._monitor.note(f"{latents.path}: {note}")
            self._loaded[made_with] = model
        return self._loaded[made_with]

    def images(self, latents: LatentSet, members: range) -> Tensor:
        """Decode one of the `chunks` of a file.

        Args:
            latents: of the file.
            members: which of them.

        Returns:
            HR, uint8 RGB `[N, 3, H, W]`, on the CPU.
        """
        return latents.decode(self.load(latents), members)

    def tell(self, stage: str, done: int, total: int) -> None:
        """Tell the monitor how many pairs of a set are done, and ask whether to stop.

        Raises:
            Interrupted: the monitor said so.
        """
        self._monitor.progress(stage, done, total)
        if self._monitor.should_stop():
            raise Interrupted(f"interrupted after {done} of {total} pairs")


def chunks(latents: LatentSet) -> Iterator[range]:
    """Cut the latents of a file into those that are decoded together: always the same, so the bytes are too."""
    for start in range(0, len(latents), CHUNK):
        yield range(start, min(start + CHUNK, len(latents)))
