"""A sampler that a training can leave and take up again."""

from collections.abc import Iterator, Mapping, Sized
from typing import Any

from torch.utils.data import Sampler

from gsdd.errors import GsddError
from gsdd.pairs.order import Order, Place, rank_and_world_size


class ResumableSampler(Sampler[int]):
    """A sampler that gives each index once an epoch, shuffled by (seed, epoch) and split over ranks.

    Each iteration is the next epoch, or the rest of one. It starts by calling `set_epoch` of the dataset, or of
    those that a `Subset` or `ConcatDataset` wraps, so that a resumed training sees the same crops as an uninterrupted
    one.

    Args:
        pairs: the dataset; a state is valid only for its `identity`, if it has one.
        seed: of the shuffling.
        shuffle: whether epochs are shuffled.
        rank: this process; None asks torch.distributed, and is 0 without it.
        world_size: processes that share an epoch; None likewise, 1 without it.

    Raises:
        RecipeError: there is no such rank, or too few samples for all.
    """

    def __init__(
        self,
        pairs: Sized,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        here, of = rank_and_world_size()
        rank, world_size = here if rank is None else rank, of if world_size is None else world_size
        self._pairs = pairs
        self._order = Order(len(pairs), seed, shuffle, rank, world_size)
        # Where this iteration has begun, how many indices it has given, and where the next one will begin.
        self._begun = self._next = Place(0, 0)
        self._given = 0

    def __len__(self) -> int:
        return self._order.length // self._order.world_size

    def __iter__(self) -> Iterator[int]:
        self._begun, self._given = self._next, 0
        self._next = Place(self._begun.epoch + 1, 0)
        _set_epoch(self._pairs, self._begun.epoch)
        for index in self._order.share(self._begun).tolist():
            self._given += 1
            yield index

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration. The position is kept if that epoch comes next anyway."""
        if epoch != self._next.epoch:
            self._next = Place(epoch, 0)

    def state_dict(self, taken: int | None = None) -> dict[str, Any]:
        """Give the position that the training has reached.

        Args:
            taken: samples of this iteration that this rank has trained on. None counts those that the sampler has
                given. That is right without workers, and with torchdata's StatefulDataLoader. A plain DataLoader's
                workers fetch ahead of the training, so `taken` is needed there.

        Returns:
            Plain values, the same on every rank; `epoch` and `samples` are where to continue.
        """
        place = self._order.after(self._begun, self._given if taken is None else taken)
        return {**self._identity(), **place._asdict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iteration start at a state, for any number of ranks and workers.

        Args:
            state: from `state_dict`.

        Raises:
            GsddError: the state is that of another order, or of other pairs.
        """
        if not isinstance(state, Mapping):
            raise GsddError(f"load_state_dict: got {state!r}, wanted what state_dict gave")
        differences = [
            f"{name}: {state.get(name)!r} there, {value!r} here"
            for name, value in self._identity().items()
            if state.get(name) != value
        ]
        if differences:
            raise GsddError(f"load_state_dict: the state is of another training ({'; '.join(differences)})")
        epoch, samples = state.get("epoch"), state.get("samples")
        if type(epoch) is not int or type(samples) is not int or epoch < 0 or not 0 <= samples <= self._order.length:
            raise GsddError(f"load_state_dict: got epoch {epoch!r} and samples {samples!r}, which no state_dict gives")
        self._begun = self._next = self._order.after(Place(epoch, samples), 0)
        self._given = 0

    def _identity(self) -> dict[str, Any]:
        order = self._order
        shown = {"length": order.length, "seed": order.seed, "shuffle": order.shuffle}
        return {**shown, **getattr(self._pairs, "identity", {})}


def _set_epoch(dataset: object, epoch: int) -> None:
    if hasattr(dataset, "set_epoch"):
        dataset.set_epoch(epoch)
        return
    for wrapped in [*getattr(dataset, "datasets", ()), getattr(dataset, "dataset", None)]:
        if wrapped is not None:
            _set_epoch(wrapped, epoch)
