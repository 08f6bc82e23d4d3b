"""The order of an epoch, this rank's share of it, and the place in it that a training run has reached."""

from collections.abc import Mapping, Sized
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsdd.errors import GsddError, RecipeError
from gsdd.pairs.epochs import Epochs, Place
from gsdd.pairs.ranks import rank_and_world_size
from gsdd.randomness import numpy_stream


@dataclass(frozen=True)
class Order:
    """The order of every epoch, the same for any number of ranks and workers.

    Attributes:
        length: samples in an epoch.
        seed: of the shuffling.
        shuffle: whether epochs are shuffled.
        rank: this process, from 0.
        world_size: processes that share an epoch.

    Raises:
        RecipeError: there is no such rank, or too few samples for all.
    """

    length: int
    seed: int
    shuffle: bool
    rank: int
    world_size: int

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise RecipeError(f"rank: got {self.rank} of {self.world_size}, wanted 0 to {self.world_size - 1}")
        if self.length < self.world_size:
            raise RecipeError(f"{self.length} samples an epoch are too few for {self.world_size} ranks; raise repeat")

    def share(self, place: Place) -> NDArray[np.int64]:
        """List what this rank takes from a place to the end of its epoch.

        Every rank takes the same number, so up to `world_size - 1` samples stay behind, others in each epoch.

        Args:
            place: where to begin.

        Returns:
            Sample numbers, int64 `[left // world_size]`.
        """
        if self.shuffle:
            order = numpy_stream(self.seed, "order of an epoch", place.epoch).permutation(self.length)
        else:
            order = np.arange(self.length)
        left = order[place.samples :]
        return left[: len(left) // self.world_size * self.world_size][self.rank :: self.world_size]

    def after(self, place: Place, taken: int, least: int = 1) -> Place:
        """Find the place once every rank has taken some samples.

        Args:
            place: where they began.
            taken: samples of one rank.
            least: samples of one rank below which the rest of an epoch is not used.

        Returns:
            Where to go on; at the end of an epoch that is the beginning of the next.
        """
        samples = place.samples + taken * self.world_size
        finished = self.length - samples < self.world_size * least
        return Place(place.epoch + 1, 0) if finished else Place(place.epoch, samples)


class Resumable:
    """What can be left and taken up again elsewhere: each iteration is the next epoch, or the rest of one.

    Args:
        samples: those of an epoch; a state is tied to their `identity`, if they have one.
        seed: of the shuffling.
        shuffle: whether epochs are shuffled.
        rank: this process; None asks torch.distributed, and is 0 without it.
        world_size: processes that share an epoch; None likewise, 1 without it.

    Raises:
        RecipeError: there is no such rank.
    """

    def __init__(
        self,
        samples: Sized,
        *,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        here, of = rank_and_world_size()
        rank, world_size = here if rank is None else rank, of if world_size is None else world_size
        self.order = Order(len(samples), seed, shuffle, rank, world_size)
        self._samples = samples
        self._epochs = Epochs()
        # The place that was reached in an iteration, and the number of that iteration.
        self._reached, self._iteration = Place(0, 0), 0

    def __len__(self) -> int:
        return self.order.length // self.order.world_size

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; the place within it is kept if it is the one that comes anyhow."""
        if epoch != self._epochs.next.epoch:
            self._go_to(Place(epoch, 0))

    def state_dict(self, taken: int | None = None) -> dict[str, Any]:
        """Tell the place that the training has reached.

        Args:
            taken: samples of the latest iteration that this rank has trained on. None is allowed where they are
                counted: by `ResumableLoader`, and by a stream that is iterated in this process.

        Returns:
            Plain values, the same on every rank; `epoch` and `samples` are where to go on.

        Raises:
            GsddError: nobody counted: worker processes fetch ahead of the training.
        """
        if taken is not None:
            self.count(self._epochs.begun, taken)
        if self._iteration != self._epochs.iterations:
            raise GsddError(
                "state_dict: a DataLoader fetches ahead, so what was trained on is not known here; use "
                "gsdd.ResumableLoader, or give state_dict(taken=samples of this iteration)"
            )
        return {**self._identity(), **self._reached._asdict()}

    def load_state_dict(self, state: Mapping[str, Any], least: int = 1) -> None:
        """Let the next iteration begin where a state says, whatever the number of ranks and workers was.

        Args:
            state: from `state_dict`.
            least: samples of one rank below which the rest of an epoch is not used.

        Raises:
            GsddError: the state is that of another order.
        """
        if not isinstance(state, Mapping):
            raise GsddError(f"load_state_dict: got {state!r}, wanted what state_dict gave")
        differences = [
            f"{name}: {state.get(name)!r} there, {value!r} here"
            for name, value in self._identity().items()
            if state.get(name) != value
        ]
        if differences:
            raise GsddError(f"load_state_dict: the state is of another run ({'; '.join(differences)})")
        epoch, samples = state.get("epoch"), state.get("samples")
        if type(epoch) is not int or type(samples) is not int or epoch < 0 or not 0 <= samples <= self.order.length:
            raise GsddError(f"load_state_dict: got epoch {epoch!r} and samples {samples!r}, which no state_dict gives")
        self._go_to(self.order.after(Place(epoch, samples), 0, least))

    def lead(self) -> Place:
        """Begin an iteration for the workers of a DataLoader too, until `release`; return where it begins."""
        return self._epochs.lead()

    def release(self) -> None:
        """Let iterations begin on their own again."""
        self._epochs.release()

    def count(self, begun: Place, taken: int, least: int = 1) -> None:
        """Tell how many samples of an iteration this rank has trained on.

        Args:
            begun: where the iteration began.
            taken: their number.
            least: samples below which the rest of the epoch will not be used.
        """
        self._reached, self._iteration = self.order.after(begun, taken, least), self._epochs.iterations

    def _go_to(self, place: Place) -> None:
        self._epochs.go_to(place)
        self.count(place, 0)

    def _identity(self) -> dict[str, Any]:
        order = {name: value for name, value in asdict(self.order).items() if name in ("length", "seed", "shuffle")}
        return {**order, **getattr(self._samples, "identity", {})}
