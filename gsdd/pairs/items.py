"""Items of a batch on their way to the trainer: bytes between processes, floats at the end."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import get_worker_info
from torch.utils.data._utils.collate import default_collate_fn_map


class Keys(NamedTuple):
    """What the parts of an item are called."""

    low: str
    high: str
    low_name: str
    high_name: str

    def item(self, low: NDArray[np.uint8], high: NDArray[np.uint8], name: Any) -> dict[str, Any]:  # noqa: ANN401
        """Copy an item, or a batch of them, into tensors of its own."""
        return dict(zip(self, (_tensor(low), _tensor(high), name, name), strict=True))


class PairItem(Mapping[str, Any]):
    """An item that is not yet copied out of the cache: what a `collate_fn` gets, and reads like a dict.

    Args:
        keys: what its parts are called.
        low: LR, uint8 `[3, h, w]`, a view.
        high: HR, uint8 `[3, H, W]`, a view.
        name: of the pair.
    """

    def __init__(self, keys: Keys, low: NDArray[np.uint8], high: NDArray[np.uint8], name: str) -> None:
        self.parts, self.low, self.high, self.name = keys, low, high, name

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401
        return self.whole()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def whole(self) -> dict[str, Any]:
        """Copy the item out of the cache."""
        return self.parts.item(self.low, self.high, self.name)


class _Batch(MutableMapping[str, Any]):
    """A batch in a worker, which crosses to the trainer's process by value and is a dict of tensors there.

    torch would put floats into fresh shared memory: four times the bytes, every page of which the kernel clears, and an
    error of its own where /dev/shm is small. Who looks at the batch in a worker sees tensors, which cross torch's way.
    """

    def __init__(self, *parts: Any) -> None:  # noqa: ANN401
        self._parts = parts

    @cached_property
    def _whole(self) -> dict[str, Any]:
        return _arrived(*self._parts)

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
        return (dict, (self._whole,)) if "_whole" in self.__dict__ else (_arrived, self._parts)


def _arrived(keys: Keys, low: NDArray[np.uint8], high: NDArray[np.uint8], names: list[str]) -> dict[str, Any]:
    return keys.item(low, high, names)


def collate_pairs(batch: Sequence[PairItem], *, collate_fn_map: object = None) -> Any:  # noqa: ANN401
    """Make a batch of items.

    Args:
        batch: items of one size.
        collate_fn_map: torch hands it over; not used.

    Returns:
        `[N, 3, h, w]`, `[N, 3, H, W]` and twice a list of names, by the items' keys.
    """
    keys, names = batch[0].parts, [item.name for item in batch]
    low, high = (_stacked([getattr(item, side) for item in batch]) for side in ("low", "high"))
    return keys.item(low, high, names) if get_worker_info() is None else _Batch(keys, low, high, names)


def known_to_default_collate() -> None:
    """Let torch's `default_collate` make batches of `PairItem` by `collate_pairs`, in this process."""
    default_collate_fn_map[PairItem] = collate_pairs


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.divide(pixels, np.float32(255), dtype=np.float32, order="C"))


def _stacked(views: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    # np.stack would first make an array object of each.
    stack = np.empty((len(views), *views[0].shape), np.uint8)
    for place, view in zip(stack, views, strict=True):
        place[...] = view
    return stack
