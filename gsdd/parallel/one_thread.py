"""Work on the CPU whose sums must not depend on how many threads there are."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gsdd.parallel.while_used import WhileUsed


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread.

    The gradient of a convolution in its weights is a sum over images, which oneDNN cuts into a part a thread: 1 and 2
    threads differ in the last bits. Image by image they do not, but that takes twice as long on one thread.
    """
    with _ONE.used():
        yield


@contextmanager
def _one() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_ONE = WhileUsed(_one)
