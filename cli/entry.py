"""The way into the command line."""

import os
import signal

# Threads that spin while they wait leave little of cores that others use too; threads that never spin lose an eighth on
# idle cores. A thousand turns, some microseconds, lose neither (benchmarks/busy.py). OpenMP reads these as it loads.
WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}


def run() -> None:
    """Run `gsdd` with the process's arguments; Ctrl-C while it is still being imported ends it without a traceback."""
    if not WAITING.keys() & os.environ.keys():
        os.environ.update(WAITING)
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from gsdd.cli.main import run as run_command

    signal.signal(signal.SIGINT, before)
    run_command()
