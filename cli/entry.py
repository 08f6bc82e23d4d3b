"""The way into the command line."""

import os
import signal


def run() -> None:
    """Run `gsdd` with the process's arguments; Ctrl-C while it is still being imported ends it without a traceback."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from gsdd.cli.main import run as run_command

    signal.signal(signal.SIGINT, before)
    run_command()
