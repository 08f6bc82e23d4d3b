"""What tests see of memory: fresh memory poisoned, allocations listed, the most that lived at once."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CPU_KERNEL = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)


@contextmanager
def poisoned() -> Iterator[None]:
    """Fill all fresh memory of torch with NaN (integers: their largest value), as torch's own debugging mode does."""
    before = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.utils.deterministic.fill_uninitialized_memory = before[1]


@dataclass(frozen=True)
class Allocation:
    """A storage that an op allocated.

    Attributes:
        operator: the op, such as `aten::empty.memory_format`.
        shape: of the tensor that it was allocated for.
        nbytes: of the storage.
    """

    operator: str
    shape: tuple[int, ...]
    nbytes: int


class Allocations(TorchDispatchMode):
    """Storages allocated inside, also inside gsdd's custom ops and inside backward passes.

    Attributes:
        made: each allocation, in order.
        live: bytes of them that are alive now.
        peak: the most bytes of them that were alive at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Allocation] = []
        self.live = 0
        self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run an op and record the storages in its results that are in none of its arguments."""
        given = _tensors((args, kwargs))
        for tensor in given:
            self._remember(tensor)
        # Older torch drops the object that stands for a storage, and what was remembered with it.
        storages = {tensor.untyped_storage()._cdata for tensor in given}
        storages |= {leaf._cdata for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.UntypedStorage)}
        if func.namespace == "gsdd":
            with self:
                result = func.redispatch(CPU_KERNEL, *args, **(kwargs or {}))
        else:
            result = func(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            new = tensor.untyped_storage()._cdata not in storages and self._remember(tensor)
            if new and tensor.untyped_storage().nbytes():
                self._count(str(func.name()), tensor)
        return result

    def _remember(self, tensor: Tensor) -> bool:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return False
        self._known.add(key)
        weakref.finalize(storage, self._known.discard, key)
        return True

    def _count(self, operator: str, tensor: Tensor) -> None:
        nbytes = tensor.untyped_storage().nbytes()
        self.made.append(Allocation(operator, tuple(tensor.shape), nbytes))
        self.live += nbytes
        self.peak = max(self.peak, self.live)
        weakref.finalize(tensor.untyped_storage(), self._free, nbytes)

    def _free(self, nbytes: int) -> None:
        self.live -= nbytes


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def allocations() -> Allocations:
    """Return a context manager that lists what torch allocates inside it: `with allocations() as record`."""
    return Allocations()


def peak_bytes(function: Callable[[], Any]) -> int:
    """Run a function and return the most bytes of tensors, allocated by it, that were alive at once."""
    with allocations() as record:
        function()
    return record.peak
