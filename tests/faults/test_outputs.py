"""What is written: whole, under any name, by one process at a time, with nothing lost that a user had.

F4 a stderr that fails; F7 long names; F8 modes; F13 two runs with one output; F14 links; F16 damaged images of a tree;
A12 many writers of one name; A14 files that look like ours; A15 a checkpoint that stays.
"""

import os
import subprocess
from pathlib import Path

import pytest
from faults.commands import PYTHON, SHORT, SMALL, TRAIN, started

CONVERT = ["convert", "a.gsdd", "b.h5", "-q"]


def names_in(folder: str) -> list[str]:
    return [path.name for path in Path(folder).iterdir()]


@pytest.mark.parametrize("stderr", ["/dev/full", "closed"])
def test_f4_a_stderr_that_fails_costs_the_progress_alone(command, stderr):
    assert command("compress", "p", *SHORT, "-o", "o.gsdd", stderr=stderr).code == 0
    assert command("verify", "o.gsdd").did()


@pytest.mark.parametrize("length", [230, 255])
def test_f7_a_long_name_is_written_with_its_checkpoints(command, desk, length):
    (desk / "out").mkdir()
    name = "out/" + "n" * (length - 5) + ".gsdd"
    assert command("compress", "p", *SHORT, "-o", name, "-q").did()
    assert names_in("out") == [Path(name).name]


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_f8_what_is_replaced_hands_on_its_mode(command, mode):
    assert command(*CONVERT).did()
    Path("b.h5").chmod(mode)
    assert command(*CONVERT, "--force").did()
    assert Path("b.h5").stat().st_mode & 0o777 == mode


def test_f13_a_second_run_for_one_output_is_told_at_the_start(command):
    words = ["compress", "p", *SMALL, "--iterations", "0", "--inversion-steps", "1000000", "-o", "o.gsdd"]
    first = started(*words)
    try:
        # It is at work when it says the first word of what it found.
        first.stderr.readline()
        assert command(*words, "-q", seconds=15).refused("o.gsdd: another gsdd", f"process {first.pid}")
    finally:
        first.kill()
        first.communicate()


def test_f14_a_link_is_written_through(command):
    Path("there").mkdir()
    Path("there/b.h5").write_bytes(b"old")
    Path("b.h5").symlink_to("there/b.h5")
    assert command(*CONVERT, "--force").did()
    assert Path("b.h5").is_symlink()
    assert command("verify", "there/b.h5").did()


def test_f16_an_image_of_a_tree_that_was_cut_short_is_written_again(command, tree):
    image = min(tree.rglob("HR/*.png"))
    sound = image.read_bytes()
    image.write_bytes(sound[:50])
    assert command("expand", "a.gsdd", "-o", tree, "-q").did()
    assert image.read_bytes() == sound


# As it may happen: a cleaner holds a new file of ours before its maker locks it, and removes it a moment later.
CLEANER = """
import fcntl, os, sys
from pathlib import Path
from gsdd.formats.atomic import write_atomically

plain_open, plain_sync, held = os.open, os.fsync, []

def opened(path, flags, *more, **how):
    descriptor = plain_open(path, flags, *more, **how)
    if str(path).endswith(".part") and not held:
        held.append((path, plain_open(path, os.O_RDONLY)))
        fcntl.flock(held[0][1], fcntl.LOCK_EX)
    return descriptor

def synced(descriptor):
    plain_sync(descriptor)
    if held and os.path.exists(held[0][0]):
        os.unlink(held[0][0])

os.open, os.fsync = opened, synced
write_atomically(Path("o"), b"whole")
"""
WRITE_OFTEN = """
import sys
from pathlib import Path
from gsdd.formats.atomic import check_output, write_atomically

for _ in range(int(sys.argv[2])):
    check_output(Path("o"), force=True)
    write_atomically(Path("o"), sys.argv[1].encode() * 5000, force=True)
"""


def test_a12_a_writer_whose_file_a_cleaner_takes_writes_another(script, desk):
    (desk / "out").mkdir()
    os.chdir("out")
    assert script(CLEANER).did()
    assert Path("o").read_bytes() == b"whole"
    assert names_in(".") == ["o"]


def test_a12_many_writers_of_one_name_lose_nothing(desk):
    """The long form: GSDD_WRITES=1250."""
    (desk / "out").mkdir()
    words, times = [PYTHON, "-c", WRITE_OFTEN], os.environ.get("GSDD_WRITES", "40")
    writers = [subprocess.Popen([*words, each, times], cwd="out", stderr=subprocess.PIPE) for each in "abcdefgh"]
    told = [writer.communicate()[1].decode()[-400:] for writer in writers]
    assert [(writer.returncode, text) for writer, text in zip(writers, told, strict=True)] == [(0, "")] * 8
    assert names_in("out") == ["o"]
    assert len(set(Path("out/o").read_bytes())) == 1


def test_a14_a_users_own_file_that_looks_like_ours_stays(command):
    own = [Path(".b.h5.12.part"), Path(".b.h5.part"), Path(".b.h5.gsdd-12.part")]
    for path in own:
        path.write_text("mine")
    assert command(*CONVERT).did()
    assert [path.read_text() for path in own if path.exists()] == ["mine"] * 3


# One `unlink` of a checkpoint fails, as on a network disk; then the command is run as it is.
UNLINK_FAILS = """
import runpy
from pathlib import Path

plain, failed = Path.unlink, []

def unlink(self, missing_ok=False):
    if "checkpoint" in self.name and self.exists() and not failed:
        failed.append(self)
        raise PermissionError(1, "Operation not permitted")
    plain(self, missing_ok)

Path.unlink = unlink
runpy.run_module("gsdd", run_name="__main__", alter_sys=True)
"""


def test_a15_a_model_stands_though_its_checkpoint_cannot_be_removed(script):
    done = script(UNLINK_FAILS, "train", "p", *TRAIN, "1", "-o", "m.safetensors")
    assert done.did("the checkpoint cannot be removed: Operation not permitted")
    assert Path("m.safetensors").exists()
