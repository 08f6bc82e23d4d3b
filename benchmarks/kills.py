"""Runs of `gsdd compress`, each killed with SIGKILL at random moments and resumed: do they end in the same bytes?

    python benchmarks/kills.py ../shared/data/mini-ost/train
    python benchmarks/kills.py ../shared/data/mini-ost/train --damage

A row a run: seconds after its start at which each process was killed, what it was doing, and whether the file has the
bytes of the run that nobody interrupted. A process that ends before its moment ends the run. Half of the moments wait
for the next file being written. With `--damage` the newest checkpoint is cut off, or has a bit flipped or a block
zeroed, before each resumption where there are two. It exits with 1 if a file differs, if there is once no whole
checkpoint where there was one, or if a damaged one is not told.
"""

import itertools
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import click

from gsdd.errors import FormatError
from gsdd.run.checkpoint import read
from gsdd.run.journal import checkpoint_paths

RECIPE = ["--generator", "realesr-animevideov3", "--hr-size", "64", "--ipc", "2", "--set", "matching.real_batch=4",
          "--set", "crops.real=8", "--inversion-steps", "6", "--iterations", "12",
          "--set", "run.checkpoint_seconds=0.1"]  # fmt: skip
BLOCK = 512
USED = "the one before it is sound"


@dataclass(frozen=True)
class Job:
    """One run, over as many processes as it takes.

    Attributes:
        source: the photos.
        target: the file to be made, in a folder of its own.
        draw: of moments and damages.
        events: what happened, in order.
    """

    source: Path
    target: Path
    draw: random.Random
    events: list[str] = field(default_factory=list)

    def process(self, moment: float | None = None, in_a_write: bool = False) -> int:
        """Start `gsdd compress`, or resume it, and kill it at the moment; give back its exit code."""
        before = self._unfinished()
        command = [sys.executable, "-m", "gsdd", "compress", self.source, "-o", self.target, *RECIPE]
        with self.log.open("w") as log:
            began, run = time.monotonic(), subprocess.Popen(command, stdout=log, stderr=log)
            while run.poll() is None:
                waited = time.monotonic() - began
                if moment is not None and waited >= moment and not (in_a_write and self._unfinished() <= before):
                    run.kill()
                    code = run.wait()
                    if code == -signal.SIGKILL:
                        self.events.append(f"{waited:.1f} s: {self.stage(before)}")
                    return code
                time.sleep(0.0002)
        return run.returncode

    @property
    def log(self) -> Path:
        """Return where a process prints."""
        return self.target.parent.with_suffix(".log")

    def stage(self, before: set[str]) -> str:
        """Tell what the process was doing when it was killed; `before` it, others had left these files unfinished."""
        if self.target.exists():
            return "file written"
        stages = re.findall(r"^([a-z]+): +\d+/\d+", self.log.read_text(), re.MULTILINE)
        now = stages[-1] if stages else "start"
        kinds = {"a checkpoint" if ".checkpoint." in name else "the file" for name in self._unfinished() - before}
        return f"{now}, writing {kinds.pop()}" if kinds else now

    def _unfinished(self) -> set[str]:
        return {path.name for path in self.target.parent.glob(".*.part")}

    def sound_checkpoints(self) -> list[Path]:
        """List the checkpoints that are whole."""
        return [path for path in checkpoint_paths(self.target) if path.exists() and is_sound(path)]

    def damage(self) -> bool:
        """Damage the newest checkpoint at a random place, if there is a sound one before it."""
        newest, previous = checkpoint_paths(self.target)
        if self.target.exists() or self.sound_checkpoints() != [newest, previous]:
            return False
        self.events.append(damaged(newest, self.draw))
        return True


def is_sound(path: Path) -> bool:
    """Tell whether a checkpoint is whole."""
    try:
        read(path)
    except FormatError:
        return False
    return True


def damaged(path: Path, draw: random.Random) -> str:
    """Damage a file at a random place, and tell how."""
    data, kind = path.read_bytes(), draw.choice(["cut off", "bit flipped", "block zeroed"])
    place = draw.randrange(len(data))
    if kind == "cut off":
        broken = data[:place]
    elif kind == "bit flipped":
        broken = data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]
    else:
        zeroed = min(BLOCK, len(data) - place)
        broken = data[:place] + bytes(zeroed) + data[place + zeroed :]
    path.write_bytes(broken)
    return f"newest {kind} at {place:,} of {len(data):,}" if broken != data else "newest left as it was"


def run(job: Job, duration: float, kills: int, damage: bool) -> bool:
    """Kill and resume until it ends; tell whether checkpoints and messages were as they should be."""
    correct = True
    for number in range(kills + 1):
        had, finished = bool(job.sound_checkpoints()), job.target.exists()
        hurt = damage and number > 0 and job.damage()
        last = number == kills
        code = job.process(None if last else job.draw.uniform(0, duration), job.draw.random() < 0.5)
        if USED in job.log.read_text():
            job.events.append("previous used")
        elif hurt and code != -signal.SIGKILL:
            correct &= "left as it was" in job.events[-1]
        if code != -signal.SIGKILL:  # 1: the file, which one killed a moment later had written, exists
            return correct and code == int(finished)
        correct &= not had or job.target.exists() or bool(job.sound_checkpoints())
    return False


def ended_as(job: Job, whole: Job) -> bool:
    """Tell whether a run left the file of another, and nothing else."""
    left = {path.name: path.read_bytes() for path in job.target.parent.iterdir()}
    return left == {whole.target.name: whole.target.read_bytes()}


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--runs", default=20, show_default=True)
@click.option("--kills", default=4, show_default=True, help="The most of one run.")
@click.option("--damage", is_flag=True, help="Damage the newest checkpoint before each resumption.")
@click.option("--seed", default=0, show_default=True)
def main(source: Path, runs: int, kills: int, damage: bool, seed: int) -> None:
    """Kill runs on SOURCE and compare their files with that of a run that nobody interrupted."""
    with tempfile.TemporaryDirectory() as scratch:

        def job(name: str) -> Job:
            (Path(scratch) / name).mkdir()
            return Job(source, Path(scratch) / name / "o.gsdd", random.Random(f"{seed} {name}"))

        whole, began = job("whole"), time.monotonic()
        if whole.process():
            raise click.ClickException(whole.log.read_text())
        duration = time.monotonic() - began
        click.echo(f"uninterrupted: {duration:.1f} s\n\n| run | killed after, in | bytes equal |\n|---|---|---|")
        good = number = 0
        for name in map(str, itertools.count(1)):
            one = job(name)
            correct = run(one, duration, kills, damage) and ended_as(one, whole)
            if correct and not one.events:  # it ended before the first moment: nobody was killed
                continue
            number, good = number + 1, good + correct
            told = "yes" if correct else f"NO: {one.log.read_text()[-300:]}"
            click.echo(f"| {number} | {'; '.join(one.events)} | {told} |")
            if number == runs:
                break
        click.echo(f"\n{good} of {runs} runs are as they should be")
    sys.exit(good != runs)


if __name__ == "__main__":
    main()
