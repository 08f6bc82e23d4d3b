"""Items of a batch on their way to the trainer: only which pairs and views cross, the pixels are in shared memory."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol
from weakref import WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import get_worker_info
from torch.utils.data._utils.collate import default_collate_fn_map

from gsdd.pairs.draws import View

Pixels = NDArray[np.uint8]


class Keys(NamedTuple):
    """What the parts of an item are called."""

    low: str
    high: str
    low_name: str
    high_name: str


class Source(Protocol):
    """Where items come from.

    Attributes:
        token: the same in every process that shares its memory.
        keys: what the parts of its items are called.
    """

    token: str
    keys: Keys

    def look(self, pair: int, view: View) -> tuple[Pixels, Pixels, str]:
        """Look at LR and HR, uint8 `[3, h, w]` and `[3, H, W]`, not copied; and say the pair's name."""
        ...


# The sources of this process, by token: a batch that arrives looks its pixels up here.
_sources: WeakValueDictionary[str, Source] = WeakValueDictionary()


def make_known(source: Source) -> None:
    """Let batches of this source arrive in this process, and torch's `default_collate` make them."""
    _sources[source.token] = source
    default_collate_fn_map[PairItem] = collate_pairs


class PairItem(Mapping[str, Any]):
    """An item that is not yet copied out of the cache: what a `collate_fn` gets, and reads like a dict.

    Args:
        source: where it comes from.
        pair: which pair.
        view: how it is seen.
    """

    def __init__(self, source: Source, pair: int, view: View) -> None:
        self.source, self.pair, self.view = source, pair, view

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        return self.whole()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.source.keys)

    def __len__(self) -> int:
        return len(self.source.keys)

    def whole(self) -> dict[str, Any]:
        """Copy the item out of the cache."""
        low, high, name = self.source.look(self.pair, self.view)
        return dict(zip(self.source.keys, (_floats([low])[0], _floats([high])[0], name, name), strict=True))


class _Batch(MutableMapping[str, Any]):
    """A batch in a worker, which the trainer's process copies out of the cache when it arrives.

    Pixels that cross take longer than the copy: torch puts floats into fresh shared memory, every page of which the
    kernel clears, and fails where /dev/shm is small. Who looks at the batch in a worker sees tensors, which cross so.
    """

    def __init__(self, picks: list[tuple[str, int, View]]) -> None:
        self._picks = picks

    @cached_property
    def _whole(self) -> dict[str, Any]:
        return _arrived(self._picks)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        return self._whole[key]

    def __setitem__(self, key: str, value: Any) -> None:  # noqa: ANN401
        self._whole[key] = value

    def __delitem__(self, key: str) -> None:
        del self._whole[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)

    def __reduce__(self) -> tuple[Any, ...]:
        return (dict, (self._whole,)) if "_whole" in self.__dict__ else (_arrived, (self._picks,))


def _arrived(picks: Sequence[tuple[str, int, View]]) -> dict[str, Any]:
    seen = [_sources[token].look(pair, view) for token, pair, view in picks]
    low, high = _floats([parts[0] for parts in seen]), _floats([parts[1] for parts in seen])
    names = [name for _, _, name in seen]
    return dict(zip(_sources[picks[0][0]].keys, (low, high, names, list(names)), strict=True))


def collate_pairs(batch: Sequence[PairItem], *, collate_fn_map: object = None) -> Any:  # noqa: ANN401
    """Make a batch of items.

    Args:
        batch: items of one size.
        collate_fn_map: torch hands it over; not used.

    Returns:
        `[N, 3, h, w]`, `[N, 3, H, W]` and twice a list of names, by the items' keys.
    """
    picks = [(item.source.token, item.pair, item.view) for item in batch]
    return _arrived(picks) if get_worker_info() is None else _Batch(picks)


def _floats(images: Sequence[Pixels]) -> Tensor:
    stack = np.empty((len(images), *images[0].shape), np.float32)
    for place, image in zip(stack, images, strict=True):
        np.divide(image, np.float32(255), out=place)
    return torch.from_numpy(stack)
