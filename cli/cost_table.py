"""What a dry run expects, for people."""

from collections.abc import Callable, Mapping
from typing import Any


def cost_table(document: Mapping[str, Any]) -> str:
    """Lay out the cost of a run.

    Args:
        document: what `gsdd.run.dry_run.dry_run` gives.

    Returns:
        Lines: time, memory, and where the run would go on.
    """
    rows = {
        "time, estimated": _figures(document["seconds"], _duration),
        "peak memory, estimated": _figures(document["memory_bytes"], _megabytes),
        "checkpoint": f"continues {document['checkpoint']}" if document["checkpoint"] else "none",
    }
    return "\n".join(f"  {name:<24}{value}" for name, value in rows.items())


def _figures(values: Mapping[str, float], shown: Callable[[float], str]) -> str:
    parts = ", ".join(f"{name} {shown(value)}" for name, value in values.items() if name != "total")
    return f"{shown(values['total'])}: {parts}"


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.0f} MB"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
