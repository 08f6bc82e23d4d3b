"""Structure-aware damage, with digests computed anew, to every kind of file that gsdd reads, and what comes of it.

python tests/attack/attacks.py 200000     # shared out over the kinds: refused, harmless, and what no reader may do

A reader refuses with an error of its own or gives equal content, within five seconds, and within four times the bytes
on disk and 300 MB. It runs in this process, whose memory is measured for each case: give it one of its own.
"""

import math
import os
import re
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import torch
from kinds import Kind, kinds

from gsdd.errors import GsddError
from gsdd.generators.tensor_files import quietly

MB = 1 << 20
MOST_TIMES, ROOM, LONGEST = 4, 300 * MB, 5.0


@contextmanager
def decoders_silenced() -> Iterator[None]:
    """Keep what libtiff and others write to stderr themselves, a line a damaged photo, off the terminal."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def resident(name: str) -> int:
    return 1024 * int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def outcome(kind: Kind, path: Path) -> str:
    """Read one file: "refused", "harmless", or what no reader may do."""
    Path("/proc/self/clear_refs").write_text("5")
    before, began = resident("VmRSS"), time.process_time()
    answer = "harmless"
    try:
        with warnings.catch_warnings(action="ignore"), quietly():
            kind.read(path)
    except GsddError as error:
        answer = "refused" if "\n" not in str(error) else f"more than a line: {str(error)[:200]!r}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        answer = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:120]}"
    seconds, peak = time.process_time() - began, resident("VmHWM") - before
    if seconds > LONGEST:
        return f"took {seconds:.1f} s"
    if peak > MOST_TIMES * path.stat().st_size + ROOM:
        return f"took {peak / MB:.0f} MB for {path.stat().st_size} bytes"
    return answer


def attack(kind: Kind, name: str, numbers: range, folder: Path, seed: int) -> tuple[Counter, list[str]]:
    """Damage a file again and again; count answers, and name the cases that no reader may answer so."""
    found, wrong = Counter[str](), []
    for number in numbers:
        path = folder / f"x{kind.suffix}"
        path.write_bytes(kind.damage(kind.sound, np.random.default_rng([seed, number, *name.encode()])))
        answer = outcome(kind, path)
        found[answer if answer in ("refused", "harmless") else "wrong"] += 1
        if answer not in ("refused", "harmless"):
            wrong.append(f"{name}, seed {seed}, case {number}: {answer}")
    return found, wrong


@click.command()
@click.argument("count", type=int)
@click.option("--seed", default=0)
@click.option("--only", default="", help="Kinds whose names contain this.")
@click.option("--first", default=0, help="Number of the first case.")
def main(count: int, seed: int, only: str, first: int) -> None:
    """Share out cases over the kinds; print a line a kind, and every case that is wrong. Exit 1 if there is one."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        chosen = {name: kind for name, kind in kinds(Path(folder)).items() if only in name}
        shares = sum(1 / kind.one_in for kind in chosen.values())
        bad = []
        for name, kind in chosen.items():
            each = math.ceil(count / shares / kind.one_in)
            assert outcome(kind, _written(Path(folder) / f"sound{kind.suffix}", kind.sound)) == "harmless", name
            with decoders_silenced():
                found, wrong = attack(kind, name, range(first, first + each), Path(folder), seed)
            click.echo(f"{name}: {dict(found)}")
            bad += wrong
    for line in bad:
        click.echo(line)
    sys.exit(bool(bad))


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    main()
