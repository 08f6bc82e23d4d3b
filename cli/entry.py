"""The way into the command line."""

import os
import signal


def run() -> None:
    """Run `gsdd` with the process's arguments; Ctrl-C while it is still being imported ends it without a traceback."""
    # Of threads that spin while they wait, on cores that others use too, little is left. libgomp reads it as it loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from gsdd.cli.main import run as run_command

    signal.signal(signal.SIGINT, before)
    run_command()
