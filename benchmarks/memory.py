"""Peak resident memory of real `gsdd compress` runs: it must not depend on how many latents there are.

    python benchmarks/memory.py ../shared/data/mini-ost/train

One line a generator and IPC: the largest resident set that the kernel saw of the process (ru_maxrss), and its growth
from the first IPC to the last. All runs make the same steps, few of them: each chunk reuses what the one before left.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

GSDD = (sys.executable, "-m", "gsdd")
KILOBYTE = 1024
MOST_GROWTH = 0.10
MOST_BYTES = 3e9


def peak_bytes(words: list[str]) -> int:
    """Run a command and return the most memory that it had resident; this process stays small, as it is the least."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"exit code {process.returncode} of {' '.join(words)}")
    return usage.ru_maxrss * KILOBYTE


def compress(source: Path, folder: str, generator: str, ipc: int, options: tuple[str, ...]) -> int:
    """Compress with that many latents a class and return the peak."""
    target = f"{folder}/{generator}-{ipc}.gsdd"
    return peak_bytes(
        [*GSDD, "compress", str(source), "-q", "-o", target, "--generator", generator, "--ipc", str(ipc), *options]
    )


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--generator", "generators", multiple=True, default=["realesr-animevideov3", "realesrgan-x4plus"])
@click.option("--ipc", "ipcs", multiple=True, type=int, default=[5, 100], show_default=True)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(source: Path, generators: tuple[str, ...], ipcs: tuple[int, ...], options: tuple[str, ...]) -> None:
    """Measure; OPTIONS after SOURCE are those of `gsdd compress`, by default few steps at an HR size of 128."""
    chosen = options or ("--hr-size", "128", "--inversion-steps", "1", "--iterations", "3")
    sound = True
    with tempfile.TemporaryDirectory(dir=".", prefix=".memory.") as folder:
        for generator in generators:
            peaks = [compress(source, folder, generator, ipc, chosen) for ipc in ipcs]
            for ipc, peak in zip(ipcs, peaks, strict=True):
                click.echo(f"{generator}  IPC {ipc}: {peak / 1e6:,.0f} MB")
            growth = peaks[-1] / peaks[0] - 1
            click.echo(f"{generator}  growth from IPC {ipcs[0]} to {ipcs[-1]}: {growth:+.1%}")
            sound &= growth < MOST_GROWTH and max(peaks) < MOST_BYTES
    sys.exit(not sound)


if __name__ == "__main__":
    main()
