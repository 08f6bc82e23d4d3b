"""The real generator, watched."""

import time

from pairs.small_file import compact_generator
from torch import Tensor

from gsdd.distilled.latent_set import LatentSet
from gsdd.generators.generator import Generator
from gsdd.monitor import SILENT, Monitor
from gsdd.pairs.decoder import Decoder


class Counting(Generator):
    """The real generator, slowed down, that counts the chunks that it decodes and fails after so many."""

    def __init__(self, seconds: float = 0.0, limit: int = 1000) -> None:
        self.__dict__.update(compact_generator().__dict__)
        self.seconds, self.limit, self.calls = seconds, limit, 0

    def __call__(self, z: Tensor) -> Tensor:
        if self.calls == self.limit:
            raise RuntimeError("the device ran out of memory")
        self.calls += 1
        time.sleep(self.seconds)
        return super().__call__(z)


class Watched(Decoder):
    """A decoder with such a generator; with none it fails where one would be loaded."""

    def __init__(self, model: Counting | None = None, monitor: Monitor = SILENT) -> None:
        super().__init__(monitor=monitor)
        self._model = model

    def load(self, latents: LatentSet) -> Generator:
        assert self._model, "a generator was loaded"
        return self._model
