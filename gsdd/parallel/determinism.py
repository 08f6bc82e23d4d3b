"""Sums in one order on a GPU too, and what it has no such order for."""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from gsdd.parallel.while_used import WhileUsed

# cuBLAS sums in one order only in workspaces of its own; torch reads it at the first product.
WORKSPACE = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
COMPLAINT = re.compile(r"(\S+) does not have a deterministic implementation|(CuBLAS)")


@dataclass
class Watched:
    """What a block of work did.

    Attributes:
        names: of operations that sum in no fixed order, as torch calls them.
    """

    names: set[str] = field(default_factory=set)


@contextmanager
def determinism(device_type: str) -> Iterator[Watched]:
    """Ask torch for deterministic algorithms, and notice where there is none; torch is as it was once the block ends.

    On a CPU all that gsdd does is deterministic, so that nothing is asked.

    Args:
        device_type: where the work runs, such as "cuda".

    Yields:
        What was found, complete at the end of the block.
    """
    watched = Watched()
    if device_type == "cpu":
        yield watched
        return
    with _DETERMINISTIC.used(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield watched
    for warning in caught:
        if found := COMPLAINT.search(str(warning.message)):
            watched.names.add(found[1] or found[2])
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


@contextmanager
def _deterministic() -> Iterator[None]:
    details: Any = torch.utils.deterministic
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    filled, missing = details.fill_uninitialized_memory, WORKSPACE.keys() - os.environ.keys()
    os.environ.update({name: WORKSPACE[name] for name in missing})
    torch.use_deterministic_algorithms(True, warn_only=True)
    details.fill_uninitialized_memory = False  # a launch for every empty tensor
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        details.fill_uninitialized_memory = filled
        for name in missing:
            del os.environ[name]


_DETERMINISTIC = WhileUsed(_deterministic)
