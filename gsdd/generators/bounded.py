"""While a network of unknown origin is built and tried, its memory is bounded by what its weights take."""

from collections.abc import Callable, Iterable
from typing import Any
from weakref import finalize

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

# Layers in float32 are twice weights in float16; beside them stand masks, indices and the images of a small latent.
GROWTH = 4
ROOM = 128 << 20


class MemoryBound(TorchDispatchMode):
    """While entered, an operation whose result would not fit beside what is alive is refused before it is made.

    A network is built from the shapes of a few tensors before the others are looked at: some bytes could ask for all
    memory of the machine, by layers, ranges, or a small tensor that is spread out.

    Args:
        weights: bytes of the tensors that the network is built from.
    """

    def __init__(self, weights: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._left = GROWTH * weights + ROOM
        self._known: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        """Run an operation, unless it would take too much."""
        given = kwargs or {}
        if not func.is_view and not func._schema.is_mutable and _bytes_ahead(func, args, given) > self._left:
            raise MemoryError("its layers, or its images, are many times as large as its weights")
        before = {_key(tensor) for tensor in _tensors((args, given))}
        result = func(*args, **given)
        for tensor in _tensors(result):
            if _key(tensor) not in before | self._known:
                self._count(tensor)
        return result

    def _count(self, tensor: Tensor) -> None:
        storage, key = tensor.untyped_storage(), _key(tensor)
        size = storage.nbytes()
        self._left -= size
        self._known.add(key)
        finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        self._left += size
        self._known.discard(key)


def _bytes_ahead(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Compute what the result of an operation takes, without memory; 0 where that depends on values."""

    def bare(tensor: Tensor) -> Tensor:
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")

    places = {"device": torch.device("meta")} if "device" in kwargs or not _tensors((args, kwargs)) else {}
    try:
        made = func(*tree_map_only(Tensor, bare, args), **{**tree_map_only(Tensor, bare, kwargs), **places})
    except Exception:  # each operation that has no form without memory says so in its own way
        return 0
    return sum(int(tensor.nbytes) for tensor in _tensors(made))


def _tensors(tree: object) -> Iterable[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor) and leaf.layout == torch.strided]


def _key(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
