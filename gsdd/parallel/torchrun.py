"""What torchrun tells a process that it starts beside others."""

import os
from collections.abc import Mapping

TOLD = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR")


def started_by_torchrun(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether torchrun, or what sets the same variables, started this process beside others."""
    return all(name in environment for name in TOLD) and environment["WORLD_SIZE"] != "1"


def local_rank() -> int:
    """Give the number of this process among those of its machine, from 0."""
    return int(os.environ["LOCAL_RANK"])
