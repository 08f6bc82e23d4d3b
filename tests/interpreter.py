"""What tests see of an interpreted kernel at work: its launches, loads and stores. No production code knows of this."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
from torch import Tensor
from torch.utils._pytree import tree_leaves
from triton.runtime.interpreter import GridExecutor, InterpreterBuilder


@dataclass
class Watch:
    """Interpreted launches, in order, and the bytes that they stored to.

    Attributes:
        kernels: name of each kernel launched.
        stores: addresses and bytes of an element of each store; masked lanes are left out.
        loads: the same of each load.
        atomics: how many atomic operations ran; our kernels have none.
    """

    kernels: list[str] = field(default_factory=list)
    stores: list[tuple[np.ndarray, int]] = field(default_factory=list)
    loads: list[tuple[np.ndarray, int]] = field(default_factory=list)
    atomics: int = 0
    _alive: list[Any] = field(default_factory=list)

    def _record(self, accesses: list[tuple[np.ndarray, int]], pointers: Any, mask: Any, element: int) -> None:
        """Note the lanes that are not masked, all of which must lie in memory of the launch's arguments."""
        shape = np.broadcast_shapes(pointers.data.shape, mask.data.shape)
        kept = np.broadcast_to(mask.data, shape).astype(bool)
        addresses = np.broadcast_to(pointers.data, shape)[kept].astype(np.int64)
        owned = np.zeros(addresses.shape, dtype=bool)
        for tensor in tree_leaves(self._alive[-1]):
            if isinstance(tensor, Tensor):
                start, size = tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
                owned |= (addresses >= start) & (addresses + element <= start + size)
        assert owned.all(), f"{self.kernels[-1]}: {(~owned).sum()} accesses outside of its arguments' memory"
        accesses.append((addresses, element))

    @property
    def launches(self) -> int:
        """How many kernels were launched."""
        return len(self.kernels)

    def bytes_stored(self, tensor: Tensor) -> int:
        """How many bytes were stored to a tensor's memory, an address twice counted twice."""
        return int(_hits(self.stores, tensor).sum())

    def bytes_loaded(self, tensor: Tensor) -> int:
        """How many bytes were loaded from a tensor's memory, an address twice counted twice."""
        return int(_hits(self.loads, tensor).sum())

    def assert_each_stored_once(self, tensor: Tensor) -> None:
        """Every element stored exactly once, and nothing between the elements of a strided tensor."""
        counts, wanted = _hits(self.stores, tensor), _bytes_of_elements(tensor)
        wrong = np.flatnonzero(counts != wanted)
        assert wrong.size == 0, (
            f"{wrong.size} of {wanted.sum()} bytes: byte {wrong[0]} stored {counts[wrong[0]]} times, "
            f"wanted {wanted[wrong[0]]}"
        )


def _hits(accesses: list[tuple[np.ndarray, int]], tensor: Tensor) -> np.ndarray:
    """Count the accesses to each byte of the whole storage behind a tensor, int64 `[bytes]`."""
    start, size = tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
    hits = np.zeros(size, dtype=np.int64)
    for addresses, element in accesses:
        touched = (addresses[:, None] + np.arange(element) - start).reshape(-1)
        hits += np.bincount(touched[(touched >= 0) & (touched < size)], minlength=size)
    return hits


def _bytes_of_elements(tensor: Tensor) -> np.ndarray:
    element, offset = tensor.element_size(), np.array(tensor.storage_offset())
    for length, stride in zip(tensor.shape, tensor.stride(), strict=True):
        offset = offset[..., None] + np.arange(length) * stride
    wanted = np.zeros(tensor.untyped_storage().nbytes(), dtype=np.int64)
    wanted[(offset.reshape(-1, 1) * element + np.arange(element)).reshape(-1)] = 1
    return wanted


@contextmanager
def watched() -> Iterator[Watch]:
    """Record the interpreted launches inside; their arguments stay alive, so that no address is used twice."""
    watch = Watch()
    call = GridExecutor.__call__
    load, store = InterpreterBuilder.create_masked_load, InterpreterBuilder.create_masked_store
    atomic_rmw, atomic_cas = InterpreterBuilder.create_atomic_rmw, InterpreterBuilder.create_atomic_cas

    def launch(self, *args, **kwargs):
        watch.kernels.append(self.fn.__name__)
        watch._alive.append((args, kwargs))
        return call(self, *args, **kwargs)

    def masked_store(self, pointers, value, mask, *rest):
        watch._record(watch.stores, pointers, mask, value.data.itemsize)
        return store(self, pointers, value, mask, *rest)

    def masked_load(self, pointers, mask, *rest):
        element = pointers.get_element_ty().primitive_bitwidth // 8
        watch._record(watch.loads, pointers, mask, max(element, 1))
        return load(self, pointers, mask, *rest)

    def rmw(self, operation, pointers, value, mask, *rest):
        watch.atomics += 1
        watch._record(watch.stores, pointers, mask, value.data.itemsize)
        return atomic_rmw(self, operation, pointers, value, mask, *rest)

    def cas(self, *args):
        watch.atomics += 1
        return atomic_cas(self, *args)

    with (
        patch.object(GridExecutor, "__call__", launch),
        patch.multiple(
            InterpreterBuilder,
            create_masked_store=masked_store,
            create_masked_load=masked_load,
            create_atomic_rmw=rmw,
            create_atomic_cas=cas,
        ),
    ):
        yield watch
