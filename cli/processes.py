"""Several processes of one command, as torchrun starts them: one of them speaks."""

import os
from datetime import timedelta
from functools import cache


def is_first() -> bool:
    """Tell whether this process shows progress and results: it is alone, or rank 0."""
    return not is_one_of_several() or os.environ["RANK"] == "0"


def may_complain() -> bool:
    """Tell whether this process is the one that tells what went wrong: it is alone, or the first that knows it."""
    return not is_one_of_several() or _knows_it_first()


def is_one_of_several() -> bool:
    """Tell whether torchrun started this process beside others."""
    if "RANK" not in os.environ:
        return False
    from gsdd.parallel.torchrun import started_by_torchrun

    return started_by_torchrun()


@cache
def _knows_it_first() -> bool:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    restart = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    try:
        store = TCPStore(
            os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False, timeout=timedelta(seconds=10)
        )
        told: int = store.add(f"gsdd complaints {restart}", 1)
    except (LookupError, ValueError, RuntimeError):  # better told twice than never
        return True
    return told == 1
