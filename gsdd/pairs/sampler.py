"""A sampler that a run can leave and take up again."""

from collections.abc import Iterator

from torch.utils.data import Sampler

from gsdd.pairs.order import Resumable
from gsdd.pairs.shared import Rebuilt


class ResumableSampler(Rebuilt, Resumable, Sampler[int]):
    """Indices of a map-style dataset, each once an epoch, split over ranks; a shuffle of (seed, epoch).

    At the beginning of an epoch it calls `set_epoch` of the dataset, or of those that a `Subset` or `ConcatDataset`
    wraps, so that an interrupted run draws the same crops as an uninterrupted one.

    Args:
        samples: the dataset that the indices are of.
        seed: of the shuffling.
        shuffle: whether epochs are shuffled.
        rank: this process; None asks torch.distributed, and is 0 without it.
        world_size: processes that share an epoch; None likewise, 1 without it.

    Raises:
        RecipeError: there is no such rank.
    """

    def __iter__(self) -> Iterator[int]:
        place = self._epochs.begin()
        _set_epoch(self._samples, place.epoch)
        yield from self.order.share(place).tolist()


def _set_epoch(dataset: object, epoch: int) -> None:
    if hasattr(dataset, "set_epoch"):
        dataset.set_epoch(epoch)
        return
    for wrapped in [*getattr(dataset, "datasets", ()), getattr(dataset, "dataset", None)]:
        if wrapped is not None:
            _set_epoch(wrapped, epoch)
