"""Commands that write, killed and refused at random: nothing half written, and the same command ends in the same bytes.

PYTHONPATH=tests python tests/attack/writes.py 300 500      # SIGKILLs, and calls that fail with ENOSPC or EIO
"""

import errno
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from killed.seen import contents
from line_server import running
from pairs.small_file import copy_photos, write_small_file

HERE = Path(__file__).parent
COMPACT = ["--hr-size", "32", "--generator", "realesr-animevideov3"]
# Beyond this, a job of these has ended.
MOST_CALLS = 120

Ask = Callable[[dict], dict]


def jobs(source: Path, file: Path) -> dict[str, list[str]]:
    """Words of each command; the output comes last, in a folder of its own."""
    steps = ["--inversion-steps", "2", "--iterations", "2", "--set", "run.checkpoint_seconds=0"]
    train = ["--student", "small", "--size", "small", "--crop", "32", "--batch", "2", "--iterations", "4"]
    return {
        "o.gsdd": ["compress", str(source), "--ipc", "1", *COMPACT, *steps, "-q", "-o"],
        "m.safetensors": ["train", str(source), *train, "--set", "run.checkpoint_seconds=0", "-q", "-o"],
        "pairs": ["expand", str(file), "-q", "-o"],
        "c.h5": ["convert", str(file), "-q"],
        "coreset": ["coreset", str(source), "--ipc", "2", "--method", "random", "--hr-size", "32", "-q", "-o"],
        "both.gsdd": ["merge", str(file), "-q", "-o"],
    }


@contextmanager
def failing_server(folder: Path) -> Iterator[Ask]:
    """A server whose commands can be told which of their calls fails."""
    library = folder / "failing.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "failing.c", "-ldl"], check=True)
    os.environ["LD_PRELOAD"] = str(library)
    try:
        with running(HERE.parent / "attack_server.py") as ask:
            yield ask
    finally:
        del os.environ["LD_PRELOAD"]


def whole(folder: Path) -> dict[str, bytes]:
    """What is there under names that people see."""
    return {
        name: data
        for name, data in contents(folder).items()
        if not any(part.startswith(".") for part in Path(name).parts)
    }


def disturbed(ask: Ask, words: list[str], name: str, wanted: dict[str, bytes], **how: object) -> str:
    """Run a command that is disturbed, and then the same command; what is wrong, or nothing."""
    with TemporaryDirectory() as room:
        target = str(Path(room) / "out" / name)
        Path(target).parent.mkdir()
        first = ask({"arguments": [*words, target], **how})
        if "Traceback" in first["text"] or first["code"] not in (0, 1, -9):
            return f"code {first['code']}: {first['text'][-400:]}"
        for path, data in whole(Path(target).parent).items():
            if wanted.get(path) != data:
                return f"{path} is half written, code {first['code']}: {first['text'][-200:]}"
        if first["code"] == 0 and whole(Path(target).parent) != wanted:
            return f"success with another result: {sorted(whole(Path(target).parent))}"
        again = ask({"arguments": [*words, target]})
        if again["code"] != 0 and "exists already" not in again["text"]:
            return f"the second run: code {again['code']}: {again['text'][-300:]}"
        return "" if whole(Path(target).parent) == wanted else "the second run ends in other bytes"


def attacks(kills: int, errors: int, draw: random.Random, seconds: dict[str, float]) -> Iterator[tuple[str, dict]]:
    """Which command is disturbed, and how."""
    names = list(seconds)
    for number in range(kills):
        name = names[number % len(names)]
        yield name, {"seconds": draw.uniform(0.05, 1.1 * seconds[name])}
    for number in range(errors):
        yield (
            names[number % len(names)],
            {"fails": [draw.randrange(1, MOST_CALLS), draw.choice([errno.ENOSPC, errno.EIO])]},
        )


@click.command()
@click.argument("kills", type=int)
@click.argument("errors", type=int)
@click.option("--seed", default=0)
def main(kills: int, errors: int, seed: int) -> None:
    """Disturb commands; print what is wrong. Exit 1 if anything is."""
    wrong = []
    with TemporaryDirectory() as name, failing_server(Path(name)) as ask:
        folder = Path(name)
        source = copy_photos(folder / "photos")
        given = jobs(source, write_small_file(folder / "small.gsdd", source))
        wanted, seconds = {}, {}
        for output, words in given.items():
            (folder / "sound" / output).mkdir(parents=True)
            answer = ask({"arguments": [*words, str(folder / "sound" / output / output)]})
            assert answer["code"] == 0, answer["text"]
            wanted[output], seconds[output] = whole(folder / "sound" / output), answer["seconds"]
        for output, how in attacks(kills, errors, random.Random(seed), seconds):
            if told := disturbed(ask, given[output], output, wanted[output], **how):
                wrong.append(f"{given[output][0]}, {how}: {told}")
                click.echo(wrong[-1])
    click.echo(f"{kills} kills, {errors} errors: {len(wrong)} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
