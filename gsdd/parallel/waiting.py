"""Threads of OpenMP spin while they wait for each other, unless they are told not to: slow where cores are shared."""

import os
import time
from pathlib import Path

import torch

from gsdd.monitor import Monitor

LOADAVG = Path("/proc/loadavg")
SAMPLES, SECONDS_APART = 5, 0.01


def note_of_waiting(monitor: Monitor) -> None:
    """Tell a user whose OpenMP spins on cores that others use too; read by libgomp when it loads, so none can help now.

    Args:
        monitor: told, before a long job on the CPU.
    """
    threads, cores, others = torch.get_num_threads(), _cores(), _runnable() - 1
    if threads > 1 and waits_actively() and others > 0 and others + threads > cores:
        monitor.note(
            f"{others} other threads run on {cores} cores, and OpenMP's threads spin while they wait for each other: "
            "this may be many times slower; set OMP_WAIT_POLICY=passive before Python starts, as the gsdd command does"
        )


def waits_actively() -> bool:
    """Tell whether OpenMP's threads spin where they wait."""
    return os.environ.get("OMP_WAIT_POLICY", "").lower() != "passive" and "GOMP_SPINCOUNT" not in os.environ


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _runnable() -> int:
    """Count the threads of this machine that run or could, this one included; 1 where the system does not tell."""
    try:
        return min(_running_now() for _ in range(SAMPLES))
    except OSError:
        return 1


def _running_now() -> int:
    time.sleep(SECONDS_APART)  # what only blinks is no load
    return int(LOADAVG.read_text().split()[3].partition("/")[0])
