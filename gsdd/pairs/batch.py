"""The items of a batch, and the fastest way out of a worker for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate, get_worker_info

from gsdd.data.served import Degradation, Draw
from gsdd.pairs.cache import PairFile
from gsdd.pairs.decoder import Pixels
from gsdd.pairs.draws import View

Item = dict[str, Any]
_WHITE = np.float32(255)


class Keys(NamedTuple):
    """What the parts of an item are called."""

    low: str
    high: str
    low_name: str
    high_name: str


@dataclass(frozen=True)
class Making:
    """How items are made of what the cache holds.

    Attributes:
        keys: what the parts of an item are called.
        size: side of the HR crops in pixels.
        grid: HR pixels between two places where a crop may begin: the scale where LR lies in the cache, else 1.
        has_low: whether LR lies in the cache.
        degradation: makes LR of the HR crops; None where it lies in the cache, or is not served.
    """

    keys: Keys
    size: int
    grid: int
    has_low: bool
    degradation: Degradation | None = None


@dataclass(frozen=True, eq=False)
class PairBatch(Sequence[Item]):
    """The items of a batch, which are copied out of the cache when somebody looks at one of them.

    Attributes:
        making: how they are made.
        places: the file of each pair, and its number there.
        views: how each is seen.
        names: of the pairs.
        draws: of their degradation.
    """

    making: Making
    places: list[tuple[PairFile, int]]
    views: list[View]
    names: list[str]
    draws: list[Draw]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, place: int) -> Item: ...

    @overload
    def __getitem__(self, place: slice) -> list[Item]: ...

    def __getitem__(self, place: int | slice) -> Item | list[Item]:
        return self._items[place]

    @cached_property
    def _items(self) -> list[Item]:
        together = self.together()
        return [dict(zip(together, item, strict=True)) for item in zip(*together.values(), strict=True)]

    def together(self) -> Item:
        """Give the batch as torch's `default_collate` makes it of the items."""
        keys, making = self.making.keys, self.making
        high = self._crops([file.hr(number) for file, number in self.places], making.grid)
        parts = {keys.high: high, keys.high_name: list(self.names)}
        if making.has_low:
            low = self._crops([file.pair(number)[0] for file, number in self.places], 1)
        elif making.degradation:
            low = making.degradation(high, self.draws)
        else:
            return parts
        return {keys.low: low, keys.high: high, keys.low_name: self.names, keys.high_name: list(self.names)}

    def _crops(self, images: list[Pixels], scale: int) -> Tensor:
        """Look at images through their views; `scale` is how many pixels of them a step of the view is."""
        steps = self.making.size // self.making.grid
        crops = np.empty((len(self), 3, steps * scale, steps * scale), np.float32)
        for crop, image, view in zip(crops, images, self.views, strict=True):
            np.divide(view.of(image, steps, scale), _WHITE, out=crop)
        return torch.from_numpy(crops)


class _Parcel:
    """A batch that leaves a worker as places and views, and arrives in the trainer's process as a dict of floats."""

    def __init__(self, batch: PairBatch) -> None:
        self._batch = batch

    def __reduce__(self) -> tuple[Any, ...]:
        return PairBatch.together, (self._batch,)


def collate(batch: Sequence[Mapping[str, Any]]) -> Any:  # noqa: ANN401
    """Make a batch of items as torch's `default_collate` does, about three times as fast with workers.

    The default puts floats into fresh shared memory, every page of which the kernel clears; this sends what to read,
    and the trainer's process makes floats of it.

    Args:
        batch: items of `DistilledPairs`, or of anything else, which get the default.

    Returns:
        `[N, 3, h, w]`, `[N, 3, H, W]` and twice a list of names, by the items' keys; in a worker what will be that.
    """
    if not isinstance(batch, PairBatch):
        return default_collate(list(batch))
    # What costs time to make is made where there are several to make it.
    is_whole = get_worker_info() is None or batch.making.degradation is not None
    return batch.together() if is_whole else _Parcel(batch)
