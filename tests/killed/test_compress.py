"""SIGKILL of real `compress` processes: nothing half is seen, and the same command again ends in the same bytes."""

import random
import re

import pytest
from killed.seen import contents, damaged, kills_at_random, tree
from recipes import SMALL, quick

from gsdd.formats import container

WORDS = [*quick(**SMALL | {"inversion_steps": 3, "ipc": 3, "checkpoint_seconds": 0}), "-q"]
CHECKPOINT, PREVIOUS = ".o.gsdd.checkpoint", ".o.gsdd.checkpoint.previous"
PART = r"gsdd-\w+\.part"
ON_THE_WAY = re.compile(rf"o\.gsdd|\.o\.gsdd\.({PART}|gsdd-lock)|{CHECKPOINT}|{PREVIOUS}|\.{CHECKPOINT}\.{PART}")
# The first checkpoint takes one, each further one two: the newest becomes the previous, the new one the newest.
NAMED = {"event": "os.rename", "path": r"\.checkpoint$"}
# Just before the first checkpoint of the matching becomes the newest; and a size that the images of nine crops, which
# lie beside the output, do not reach, but that checkpoint does.
BEFORE_MATCHING, ROOM = 12, 27_700


@pytest.fixture(scope="module")
def whole(ask, source, tmp_path_factory):
    """An uninterrupted run: its bytes, and how long it took."""
    target = tmp_path_factory.mktemp("whole") / "o.gsdd"
    done = ask("compress", source, "-o", target, *WORDS)
    assert done["code"] == 0, done["text"]
    return target.read_bytes(), done["seconds"]


@pytest.fixture
def compress(ask, source, target):
    return lambda **how: ask("compress", source, "-o", target, *WORDS, **how)


@pytest.fixture
def check_and_complete(compress, target, whole):
    def check() -> None:
        assert all(map(ON_THE_WAY.fullmatch, contents(target.parent)))
        finished = target.exists()
        if finished:
            container.read(target)
        again = compress()
        assert (again["code"], again["text"].count("\n")) == (1 if finished else 0, 1), again["text"]
        assert contents(target.parent) == {"o.gsdd": whole[0]}

    return check


def test_at_random_times(compress, check_and_complete, source, target, whole):
    before = tree(source)
    for _ in kills_at_random(compress, whole[1]):
        check_and_complete()
        target.unlink()
    assert tree(source) == before


@pytest.mark.parametrize(("seed", "hurt"), [(1, False), (2, True), (3, True)])
def test_again_and_again_until_it_ends(compress, target, whole, seed, hurt):
    """With the newest checkpoint damaged each time, or not."""
    draw, broken, last = random.Random(seed), b"", compress(**NAMED, nth=6)
    while last["code"] == -9:
        there = contents(target.parent)
        if hurt and {CHECKPOINT, PREVIOUS} <= there.keys() and target.name not in there and there[CHECKPOINT] != broken:
            broken = damaged(there[CHECKPOINT], draw)
            target.with_name(CHECKPOINT).write_bytes(broken)
        last = compress(seconds=draw.uniform(0.3, 1) * whole[1])
    assert contents(target.parent) == {"o.gsdd": whole[0]}
    assert bool(broken) == hurt


MOMENTS = {
    "before a checkpoint is written": ("open", r"\.checkpoint\.gsdd-\w+\.part$", 1),
    "before the first checkpoint gets its name": ("os.rename", r"\.checkpoint$", 1),
    "after a checkpoint got its name": ("open", r"/out$", 2),
    "before a checkpoint becomes the previous one": ("os.rename", r"\.checkpoint$", 6),
    "before a checkpoint takes the name of the previous one": ("os.rename", r"\.checkpoint$", 7),
    "before the output is written": ("open", r"/\.o\.gsdd\.gsdd-\w+\.part$", 1),
    "before the output gets its name": ("os.link", r"/o\.gsdd$", 1),
    "after the output got its name": ("os.remove", r"/\.o\.gsdd\.gsdd-\w+\.part$", 1),
    "before the checkpoints are removed": ("os.remove", r"\.checkpoint$", 1),
    "before the previous checkpoint is removed": ("os.remove", r"\.previous$", 1),
}


@pytest.mark.parametrize(("event", "path", "nth"), MOMENTS.values(), ids=MOMENTS)
def test_at_a_moment_that_matters(compress, check_and_complete, event, path, nth):
    killed = compress(event=event, path=path, nth=nth)
    assert killed["code"] == -9, killed["text"]
    check_and_complete()


def test_in_the_middle_of_writing_a_checkpoint(compress, check_and_complete, target):
    compress(**NAMED, nth=BEFORE_MATCHING)
    before = contents(target.parent)
    assert compress(bytes=ROOM, dies=True)["code"] < 0
    after = contents(target.parent)
    assert after.items() >= {CHECKPOINT: before[CHECKPOINT], PREVIOUS: before[PREVIOUS]}.items()
    assert ROOM in {len(data) for name, data in after.items() if name.endswith(".part")}
    check_and_complete()


def test_a_full_disk_is_one_line_and_the_checkpoints_before_it_stay(compress, check_and_complete, target):
    compress(**NAMED, nth=BEFORE_MATCHING)
    before = contents(target.parent)
    full = compress(bytes=ROOM, dies=False)
    line = f"gsdd: {target.with_name(CHECKPOINT)}: cannot be written: File too large\n"
    assert (full["code"], full["text"]) == (1, line)
    assert contents(target.parent) == {name: before[name] for name in (CHECKPOINT, PREVIOUS)}
    check_and_complete()
