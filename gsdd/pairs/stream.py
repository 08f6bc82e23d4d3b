"""A `.gsdd` file as an iterable dataset of HR-LR pairs."""

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from gsdd.errors import RecipeError
from gsdd.pairs.dataset import DistilledPairs
from gsdd.pairs.epochs import Place
from gsdd.pairs.items import PairItem, make_known
from gsdd.pairs.order import Resumable
from gsdd.pairs.shared import Rebuilt


class DistilledStream(Rebuilt, Resumable, IterableDataset[Mapping[str, Any]]):
    """The pairs of a file, each once an epoch (`repeat` times), in an order that ranks and workers do not change.

    Workers are dealt whole batches in turn, so a DataLoader of the same `batch_size` gives the same batches with any
    number of them. `ResumableLoader` is such a DataLoader, and counts what was trained on.

    Args:
        path: the `.gsdd` file, or its URL.
        batch_size: of the DataLoader, on one rank.
        shuffle: whether epochs are shuffled.
        seed: of the shuffling and of the views.
        rank: this process; None asks torch.distributed, and is 0 without it.
        world_size: processes that share an epoch, each of which gets as many pairs; None likewise, 1 without it.
        **options: of `DistilledPairs`.

    Raises:
        RecipeError: an option has no meaning.
        GsddError: as `DistilledPairs`.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        batch_size: int = 16,
        shuffle: bool = True,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if batch_size < 1:
            raise RecipeError(f"batch_size: got {batch_size}, wanted at least 1")
        self.batch_size = batch_size
        self.pairs = DistilledPairs(path, seed=seed, **options)
        super().__init__(self.pairs, seed=seed, shuffle=shuffle, rank=rank, world_size=world_size)
        self._dealt = self._skipped = self._iterations_here = 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        worker = get_worker_info()
        if worker is not None:
            yield from self._deal(worker.id, worker.num_workers, worker.seed - worker.id)
            return
        place = self._epochs.begin()
        for taken, item in enumerate(self._items(self.order.share(place).tolist(), place), start=1):
            self.count(place, taken)
            yield item.whole()

    def state_dict(self, taken: int | None = None) -> dict[str, Any]:
        """Tell the place that the training has reached; in a worker, as torchdata asks for it, what it has dealt."""
        if get_worker_info() is None:
            return super().state_dict(taken)
        return {**super().state_dict(0), "dealt": self._dealt}

    def load_state_dict(self, state: Mapping[str, Any], least: int = 1) -> None:
        """Let the next iteration begin where a state says; see `Resumable.load_state_dict`."""
        super().load_state_dict(state, least)
        self._skipped = int(state.get("dealt", 0))

    def _deal(self, worker: int, workers: int, loader: int) -> Iterator[PairItem]:
        """Yield this worker's batches; `loader` is the same number for all workers of a DataLoader."""
        self._iterations_here += 1
        place = self._epochs.join((loader, self._iterations_here), worker)
        share = self.order.share(place)
        mine = share[np.arange(len(share)) // self.batch_size % workers == worker]
        skipped, self._skipped = self._skipped, 0
        make_known(self.pairs)
        for dealt, item in enumerate(self._items(mine[skipped:].tolist(), place), start=skipped + 1):
            self._dealt = dealt
            yield item
        self._dealt = 0

    def _items(self, indices: list[int], place: Place) -> Iterator[PairItem]:
        for start in range(0, len(indices), self.batch_size):
            batch = indices[start : start + self.batch_size]
            self.pairs.want(batch)
            for index in batch:
                yield self.pairs.item(index, place.epoch)
