"""Threads of OpenMP spin while they wait for each other, unless they are told not to: slow where cores are shared."""

import os

import torch

from gsdd.monitor import Monitor
from gsdd.parallel.load import cores, other_threads


def note_of_waiting(monitor: Monitor) -> None:
    """Tell a user whose OpenMP spins on cores that others use too; read by libgomp when it loads, so none can help now.

    Args:
        monitor: told, before a long job on the CPU.
    """
    threads, others = torch.get_num_threads(), other_threads()
    if threads > 1 and waits_actively() and others and others + threads > cores():
        monitor.note(
            f"{others} other threads run on {cores()} cores, and OpenMP's threads spin while they wait for each other: "
            "this may be many times slower; set OMP_WAIT_POLICY=passive before Python starts, as the gsdd command does"
        )


def waits_actively() -> bool:
    """Tell whether OpenMP's threads spin where they wait."""
    return os.environ.get("OMP_WAIT_POLICY", "").lower() != "passive" and "GOMP_SPINCOUNT" not in os.environ
