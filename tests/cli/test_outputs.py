"""What is written: whole, to the end of any name, with what it replaces respected, and by one process at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from gsdd.formats.lock import working_on

SMALL = [
    "--ipc",
    "1",
    "--hr-size",
    "32",
    "--generator",
    "realesr-animevideov3",
    "--inversion-steps",
    "1",
    "--iterations",
    0,
]
TRAIN = ["--student", "small", "--size", "small", "--crop", "32", "--batch", "2", "--iterations", "2"]
HOLD = (
    "import sys; from pathlib import Path; from gsdd.formats.lock import working_on\n"
    "with working_on(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)


@pytest.mark.parametrize(
    "words",
    [
        ["compress", "{source}", *SMALL, "-o", "{out}.gsdd"],
        ["train", "{source}", *TRAIN, "-o", "{out}.safetensors"],
        ["convert", "{file}", "{out}.h5"],
        ["convert", "{file}", "--embed-generator", "{out}.gsdd"],
        ["merge", "{file}", "-o", "{out}.gsdd"],
        ["evaluate", "bicubic", "{source}", "--metrics", "psnr-y", "--csv", "{out}.csv"],
        ["evaluate", "bicubic", "{source}", "--metrics", "psnr-y", "--images", "{out}"],
        ["coreset", "{source}", "--ipc", 1, "--method", "random", "--hr-size", 32, "-o", "{out}"],
    ],
)
def test_a_second_command_for_one_output_is_told_at_the_start(refused, source, small_file, tmp_path, words):
    given = [str(word).format(source=source, file=small_file, out=tmp_path / "o") for word in words]
    words = [sys.executable, "-c", HOLD, given[-1]]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        assert f"another gsdd (process {holder.pid}) is at work on it" in refused(*given, "-q")
        holder.communicate()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["convert", "small.gsdd", "o.h5"], ["merge", "small.gsdd", "-o", "o.h5"]])
def test_a_dry_run_keeps_nobody_away_and_leaves_nothing(gsdd, desk, words):
    before = sorted(desk.iterdir())
    with working_on(desk / "o.h5"):
        gsdd(*words, "--dry-run")
    assert sorted(desk.iterdir()) == before


def test_an_image_of_a_tree_that_is_not_as_it_was_written_is_written_again(gsdd, desk):
    gsdd("expand", "small.gsdd", "-o", "pairs", "-q")
    images = sorted(Path("pairs").rglob("*.png"))
    before = {path: path.read_bytes() for path in images}
    images[0].write_bytes(before[images[0]][:50])
    images[5].write_bytes(before[images[6]])
    images[7].unlink()
    images[8].unlink()
    images[8].symlink_to(images[9].name)
    out, _ = gsdd("expand", "small.gsdd", "-o", "pairs")
    assert "12 pairs (4 written, 8 kept)" in out
    assert {path: path.read_bytes() for path in images} == before
    assert not any(path.is_symlink() for path in images)
    assert "(0 written, 12 kept)" in gsdd("expand", "small.gsdd", "-o", "pairs").out
