"""Numpy arrays in memory that processes share, whatever way the processes are started."""

import fcntl
import mmap
import os
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from multiprocessing import context, reduction
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

# Rows of pixels that begin on a cache line are copied faster.
ALIGNMENT = 64


@dataclass(frozen=True)
class ArrayLayout:
    """What an array is: dtype name and shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


class SharedArrays(Mapping[str, NDArray[Any]]):
    """Arrays by name over one block of memory, zero at first.

    A forked child inherits them, a spawned one gets them through `pickle`. No name is left behind in `/dev/shm`, whose
    size does not count either. Writes are seen by every process at once; nothing orders them.

    Args:
        layouts: the arrays.
        descriptor: an open file of at least `size_of(layouts)` bytes to lay them in, owned from now on; None takes
            anonymous memory.

    Attributes:
        descriptor: of the memory; a place to put locks on.
    """

    def __init__(self, layouts: Mapping[str, ArrayLayout], descriptor: int | None = None) -> None:
        if descriptor is None:
            descriptor = os.memfd_create("gsdd")
            os.truncate(descriptor, size_of(layouts))
        self._layouts, self.descriptor = dict(layouts), descriptor
        weakref.finalize(self, os.close, descriptor)
        is_writable = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
        access = mmap.ACCESS_WRITE if is_writable else mmap.ACCESS_READ
        memory = mmap.mmap(descriptor, size_of(layouts), access=access)
        self._arrays, start = {}, 0
        for name, layout in layouts.items():
            count = prod(layout.shape)
            self._arrays[name] = np.frombuffer(memory, layout.dtype, count, start).reshape(layout.shape)
            start += _aligned(layout.nbytes)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._arrays[name]

    def __iter__(self) -> Any:  # noqa: ANN401
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __reduce__(self) -> tuple[Any, ...]:
        if context.get_spawning_popen() is None:
            raise TypeError("shared memory can be pickled for a process that is being spawned, and for nothing else")
        return type(self)._from_duplicate, (self._layouts, reduction.DupFd(self.descriptor))

    @classmethod
    def _from_duplicate(cls, layouts: Mapping[str, ArrayLayout], duplicate: Any) -> Self:  # noqa: ANN401
        return cls(layouts, duplicate.detach())


def size_of(layouts: Mapping[str, ArrayLayout]) -> int:
    """Count the bytes of a block that holds these arrays; at least 1."""
    return max(1, sum(_aligned(layout.nbytes) for layout in layouts.values()))


class Rebuilt:
    """Something on shared memory: a process that is being spawned shares it, any other copy is made anew.

    Only the pickling for a spawned process can hand over memory. `copy` and `pickle` elsewhere repeat the call that
    made the object.
    """

    _made_from: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **options: Any) -> Self:  # noqa: ANN401
        made = super().__new__(cls)
        made._made_from = (args, options)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        if context.get_spawning_popen() is not None:
            return _bare, (type(self),), self.__dict__
        return _rebuild, (type(self), *self._made_from)


def _bare(cls: type[Rebuilt]) -> Rebuilt:
    return cls.__new__(cls)


def _rebuild(cls: type[Rebuilt], args: tuple[Any, ...], options: Mapping[str, Any]) -> Rebuilt:
    return cls(*args, **options)


def _aligned(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
