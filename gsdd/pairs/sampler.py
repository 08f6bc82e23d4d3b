"""A sampler that a run can leave and take up again."""

from collections.abc import Iterator, Sized

from torch.utils.data import Sampler

from gsdd.pairs.order import Resumable


class ResumableSampler(Resumable, Sampler[int]):
    """Indices of a map-style dataset, each once an epoch, split over ranks; a shuffle of (seed, epoch).

    At the beginning of an epoch it calls the dataset's `set_epoch`, if there is one, so that an interrupted run draws
    the same crops as an uninterrupted one.

    Args:
        dataset: what the indices are of.
        seed: of the shuffling.
        shuffle: whether epochs are shuffled.
        rank: this process; None asks torch.distributed, and is 0 without it.
        world_size: processes that share an epoch; None likewise, 1 without it.

    Raises:
        RecipeError: there is no such rank.
    """

    def __init__(
        self,
        dataset: Sized,
        *,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        super().__init__(len(dataset), seed=seed, shuffle=shuffle, rank=rank, world_size=world_size)
        self._set_epoch = getattr(dataset, "set_epoch", None)

    def __iter__(self) -> Iterator[int]:
        place = self._epochs.begin()
        if self._set_epoch is not None:
            self._set_epoch(place.epoch)
        yield from self.order.share(place).tolist()
