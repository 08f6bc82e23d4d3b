"""`gsdd compress` on cores that others use too: wall time against idle cores, as the command waits and spinning.

    python benchmarks/busy.py ../shared/data/mini-ost/train

Spinning is OpenMP's own default, in place of which the command chooses by what runs beside it (cli/entry.py). Runs
alternate; ratios are of runs side by side, and their median is told. OPTIONS after SOURCE are those of `gsdd compress`.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import click

OPTIONS = ("--preset", "quick", "--generator", "realesr-animevideov3", "--ipc", "1")
COMMAND = "from gsdd.cli.entry import run; run()"
SPINNING = "from gsdd.cli.main import run; run()"  # as without the entry, which chooses
LOST, SLOWER = 0.97, 4.0


def wall(entry: str, source: Path, options: tuple[str, ...]) -> float:
    """Compress into a folder that is thrown away."""
    unset = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", entry, "compress", str(source), "-q", "-o", f"{folder}/o.gsdd", *options]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        return time.perf_counter() - began


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep cores busy with so many processes of one thread."""
    with ExitStack() as stack:
        for _ in range(processes):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(process.kill)
        yield


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--repeats", default=5)
@click.option("--load", default=3, help="Busy processes; 0 compares on idle cores alone.")
@click.option("--spinning-too", is_flag=True, help="Under load, time the spinning run as well: minutes to hours.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(source: Path, repeats: int, load: int, spinning_too: bool, options: tuple[str, ...]) -> None:
    """Print a line a repetition, and the median ratios."""
    options = options or OPTIONS
    kept, slower = [], []
    for number in range(repeats):
        # Each is first in turn: what ran before leaves the machine warm.
        order = (SPINNING, COMMAND) if number % 2 else (COMMAND, SPINNING)
        took = {entry: wall(entry, source, options) for entry in order}
        kept.append(took[SPINNING] / took[COMMAND])
        click.echo(f"idle: spinning {took[SPINNING]:.1f} s, command {took[COMMAND]:.1f} s")
        if load:
            with busy(load):
                loaded = wall(COMMAND, source, options)
                spun = f", spinning {wall(SPINNING, source, options):.1f} s" if spinning_too else ""
            slower.append(loaded / took[COMMAND])
            click.echo(f"under {load} busy processes: command {loaded:.1f} s{spun}")
    click.echo(f"idle, speed of command against spinning: x {median(kept):.3f}, wanted {LOST}")
    if load:
        click.echo(f"under {load} busy processes: {median(slower):.2f} times the idle time, wanted at most {SLOWER}")


if __name__ == "__main__":
    main()
