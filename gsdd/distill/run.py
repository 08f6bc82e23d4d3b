"""What a run carries through its stages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

from torch import Tensor

from gsdd.distill.deadline import Deadline
from gsdd.generators.generator import Generator
from gsdd.kernels.backend import Backend
from gsdd.monitor import SILENT, Monitor
from gsdd.parallel.chunks import chunk_of, even
from gsdd.parallel.workers import ALONE, Workers
from gsdd.recipe import Recipe

Tensors = dict[str, Tensor]
Facts = dict[str, Any]


class State(Protocol):
    """Where a stage stands: what a checkpoint keeps of it."""

    def parts(self) -> tuple[Tensors, Facts]:
        """Take the state apart into tensors, and what JSON can hold."""
        ...

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Self:
        """Put together what `parts` took apart."""
        ...


class Journal(Protocol):
    """Keeps where a run stands, so that it can go on once it was interrupted."""

    def begin(self, identity: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Find where an earlier run of this identity stood; None if there was none."""
        ...

    def keep(self, state: Callable[[], State]) -> None:
        """Keep a state if it is time to; raise `Interrupted`, once it is kept, if the run is to stop."""
        ...

    def hear(self, stage: str, step: int, total: int, loss: float) -> None:
        """Hear the loss of a step, for whoever asks how the run went."""
        ...

    def end(self) -> None:
        """Forget the run: its output is there."""
        ...


class KeepsNothing:
    """The journal of work that is not continued."""

    def begin(self, identity: Mapping[str, Any]) -> None:
        """Find nothing."""

    def keep(self, state: Callable[[], State]) -> None:
        """Keep nothing."""

    def hear(self, stage: str, step: int, total: int, loss: float) -> None:
        """Hear nothing."""

    def end(self) -> None:
        """Forget nothing."""


NEVER, NOTHING = Deadline(), KeepsNothing()


@dataclass(frozen=True)
class Run:
    """What a run carries through its stages.

    Attributes:
        recipe: its choices.
        generator: G, frozen, on its device.
        monitor: told of progress, and asked whether to stop.
        workers: the processes that make the run together.
        deadline: no step begins that would end after it.
        journal: keeps where the run stands.
        backend: of the ops.
        directory: where images may be kept that memory shall not hold.
        forward_seconds: what G takes for a latent, without the way back; 0 where that is not known.
        chunk_size: latents that go through G together, at most; 0 takes what the recipe says, or else suits the device.
            A run that goes on keeps its own.
    """

    recipe: Recipe
    generator: Generator
    monitor: Monitor = SILENT
    workers: Workers = ALONE
    deadline: Deadline = NEVER
    journal: Journal = NOTHING
    backend: Backend = "auto"
    directory: Path = Path()
    forward_seconds: float = 0.0
    chunk_size: int = 0

    @property
    def chunk(self) -> int:
        """Latents that go through G together, at most."""
        _, height, width = self.generator.latent_shape(self.recipe.crops.hr_size)
        return self.chunk_size or self.recipe.chunk or chunk_of(self.generator.device, height * width)

    def in_chunks_for(self, count: int) -> Self:
        """Settle what a chunk is, for a number of latents: on a GPU all are of one size, with next to no padding.

        Args:
            count: latents that go through G one chunk after the other, at least 1.
        """
        on_a_cpu = self.generator.device.type == "cpu"
        return replace(self, chunk_size=self.chunk if on_a_cpu else even(count, self.chunk))
