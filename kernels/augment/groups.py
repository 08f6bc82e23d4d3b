"""Images that are augmented alike, together: the same ops, and in a shared group the same parameters."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

# Groups that share their parameters are faster an image, but cost something each.
LEAST_SHARED = 4


@dataclass(frozen=True)
class Group:
    """Some images of a batch.

    Attributes:
        bits: the ops that act on all of them.
        index: which images, int64 `[M]`; a slice where they stand side by side, which then are not copied.
        rows: their rows of the plan, `[M, 19]`; `[1, 19]` where all share one.
        shared: whether they do.
    """

    bits: int
    index: Tensor | slice
    rows: Tensor
    shared: bool

    def split(self, count: int) -> Iterator["Group"]:
        """Cut into groups of at most `count` images."""
        start, stop = (self.index.start, self.index.stop) if isinstance(self.index, slice) else (0, len(self.index))
        for first in range(start, stop, count):
            part = slice(first, min(first + count, stop))
            index = part if isinstance(self.index, slice) else self.index[part]
            rows = self.rows if self.shared else self.rows[part.start - start : part.stop - start]
            yield Group(self.bits, index, rows, self.shared)

    def take(self, batch: Tensor) -> Tensor:
        """Return this group's part of a batch, row-major, a view where it can be.

        Means add in the order of memory: in a view of channels_last images it would be another than in a copy, and what
        an image becomes would depend on its neighbours in the batch.
        """
        part = batch[self.index] if isinstance(self.index, slice) else batch.index_select(0, self.index)
        return part.contiguous()

    def put(self, batch: Tensor, part: Tensor) -> None:
        """Write this group's part of a batch."""
        if isinstance(self.index, slice):
            batch[self.index].copy_(part)
        else:
            batch.index_copy_(0, self.index, part.to(batch.dtype))


def groups(ops: Tensor, plan: Tensor) -> Iterator[Group]:
    """Sort a batch into groups.

    Args:
        ops: bits of `Augmentation.ops`, `[N]`.
        plan: `[N, 19]`.

    Yields:
        Groups that together hold each image once.
    """
    for bits in ops.unique().tolist():
        members = (ops == bits).nonzero()[:, 0]
        rows, which = plan[members].unique(dim=0, return_inverse=True)
        if len(rows) > 1 and len(rows) * LEAST_SHARED > len(members):
            yield Group(bits, _place(members), plan[members], shared=False)
            continue
        for number, row in enumerate(rows):
            yield Group(bits, _place(members[which == number]), row[None], shared=True)


def _place(members: Tensor) -> Tensor | slice:
    first, last = int(members[0]), int(members[-1])
    return slice(first, last + 1) if last - first + 1 == len(members) else members
