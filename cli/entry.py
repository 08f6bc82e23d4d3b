"""The way into the command line."""

import os
import signal

# How OpenMP's threads wait, which it reads as it loads. Where others use the cores, threads that spin take what those
# need; on idle cores, threads that sleep lose a tenth (benchmarks/busy.py).
WAIT, SPINS, PASSIVE = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "passive"


def run() -> None:
    """Run `gsdd` with the process's arguments; Ctrl-C while it is still being imported ends it without a traceback."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from gsdd.parallel.load import other_threads

    if not {WAIT, SPINS} & os.environ.keys() and other_threads():
        os.environ[WAIT] = PASSIVE
    from gsdd.cli.main import run as run_command

    signal.signal(signal.SIGINT, before)
    run_command()
