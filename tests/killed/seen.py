"""What is in a folder, and kills and damages at random."""

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

KILLS = 8


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file's digest, every folder, and when each was changed."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder",
        )
        for path in [folder, *folder.rglob("*")]
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def kills_at_random(run: Callable[..., dict], duration: float) -> Iterator[None]:
    """Kill runs at random times until as many were killed as wanted: some end before."""
    draw, killed = random.Random(0), 0
    while killed < KILLS:
        killed += run(seconds=draw.uniform(0, duration))["code"] == -9
        yield


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Cut bytes off, flip a bit of them or zero a block, at a random place."""
    place = draw.randrange(len(data))
    return draw.choice(
        [
            data[:place],
            data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :],
            data[:place] + bytes(min(64, len(data) - place)) + data[place + 64 :],
        ]
    )
