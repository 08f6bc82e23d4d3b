"""Memory that a device does not have, told as what to lower."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gsdd.errors import DeviceMemoryError

# What torch says of a CPU; of a GPU it raises a class of its own.
CPU_ALLOCATOR = "DefaultCPUAllocator"
MPS_ALLOCATOR = "MPS backend out of memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(name in str(error) for name in (CPU_ALLOCATOR, MPS_ALLOCATOR))


@contextmanager
def advising(work: str, device: torch.device | str, advice: str) -> Iterator[None]:
    """Tell the user of a piece of work what to lower if it needs more memory than there is.

    Args:
        work: what is done, such as "a search over 128x128 images".
        device: where.
        advice: what takes less, such as "lower `hr_size`".

    Raises:
        DeviceMemoryError: the memory does not suffice.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, DeviceMemoryError) or not is_out_of_memory(error):
            raise
        raise DeviceMemoryError(f"{work} needs more memory than {device} has: {advice}") from error
