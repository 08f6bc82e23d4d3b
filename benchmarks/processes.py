"""Two processes of one thread against one: wall time of whole `gsdd compress` runs, and whether the files are equal.

    python benchmarks/processes.py ../shared/data/mini-ost/train

Start-up and the scan of the photos are in it. OPTIONS after SOURCE are those of `gsdd compress`. Chunks of six
latents are dealt whole: with an odd number of them one process waits for the other's last.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import click

WANTED = 1.7
OPTIONS = ("--preset", "quick", "--generator", "realesr-animevideov3", "--ipc", "16", "--inversion-steps", "30")


def wall(count: int, source: Path, target: Path, options: tuple[str, ...]) -> float:
    """Compress with that many processes of one thread each."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)] if count > 1 else []
    command = [sys.executable, *launcher, "-m", "gsdd", "compress", str(source), "-q", "-o", str(target), *options]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return time.perf_counter() - began


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--repeats", default=3)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(source: Path, repeats: int, options: tuple[str, ...]) -> None:
    """Print a line a repetition, and the median ratio."""
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(repeats):
            targets = [Path(folder) / f"{number}-{count}.gsdd" for count in (1, 2)]
            times = [
                wall(count, source, target, options or OPTIONS) for count, target in zip((1, 2), targets, strict=True)
            ]
            same = targets[0].read_bytes() == targets[1].read_bytes()
            ratios.append(times[0] / times[1])
            click.echo(
                f"one {times[0]:.1f} s, two {times[1]:.1f} s: x {ratios[-1]:.2f}; bytes {'equal' if same else 'DIFFER'}"
            )
            if not same:
                sys.exit(1)
    click.echo(f"median x {median(ratios):.2f}, wanted {WANTED}")


if __name__ == "__main__":
    main()
