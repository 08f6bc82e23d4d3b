"""Who else uses the cores."""

import os
import time
from pathlib import Path

LOADAVG = Path("/proc/loadavg")
SAMPLES, SECONDS_APART = 5, 0.01


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def other_threads() -> int:
    """Count the threads of this machine that run or could, without this one; 0 where the system does not tell."""
    fewest = _runnable()
    for _ in range(SAMPLES - 1):
        if fewest <= 1:
            return 0
        time.sleep(SECONDS_APART)  # what only blinks is no load
        fewest = min(fewest, _runnable())
    return fewest - 1


def _runnable() -> int:
    try:
        return int(LOADAVG.read_text().split()[3].partition("/")[0])
    except OSError:
        return 1
