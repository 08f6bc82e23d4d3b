"""What is written: whole, to the end of any name, with what it replaces respected, and by one process at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gsdd.formats.lock import working_on
from gsdd.run.journal import checkpoint_paths

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
FOREIGN = ('{"file": 1}', '{"file":"a","generator":5,"by_class":false,"image_format":"png"}', "[" * 9000)


@pytest.mark.parametrize("length", [230, 255])
def test_a_long_name_is_written_with_its_checkpoints_and_lock(gsdd, source, tmp_path, length):
    target = tmp_path / ("n" * (length - 5) + ".gsdd")
    gsdd("compress", source, *SMALL, "--set", "run.checkpoint_seconds=0", "-o", target, "-q")
    assert list(tmp_path.iterdir()) == [target]


def test_force_keeps_the_mode_of_what_it_replaces(gsdd, desk):
    gsdd("convert", "small.gsdd", "b.h5", "-q")
    Path("b.h5").chmod(0o600)
    gsdd("convert", "small.gsdd", "b.h5", "--force", "-q")
    assert Path("b.h5").stat().st_mode & 0o777 == 0o600


def test_force_writes_through_a_link(gsdd, desk):
    (desk / "there").mkdir()
    Path("there/b.h5").write_bytes(b"old")
    Path("link.h5").symlink_to("there/b.h5")
    gsdd("convert", "small.gsdd", "link.h5", "--force", "-q")
    assert Path("link.h5").is_symlink()
    gsdd("verify", "there/b.h5")


@pytest.mark.parametrize(
    "words",
    [
        ["compress", "{source}", *SMALL, "-o", "{out}.gsdd"],
        ["train", "{source}", *TRAIN, "-o", "{out}.safetensors"],
        ["convert", "{file}", "{out}.h5"],
        ["convert", "{file}", "--embed-generator", "{out}.gsdd"],
        ["merge", "{file}", "-o", "{out}.gsdd"],
        ["evaluate", "bicubic", "{source}", "--metrics", "psnr-y", "--csv", "{out}.csv"],
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


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()])
def test_a_marker_that_is_no_file_is_not_waited_for(refused, gsdd, desk, make):
    gsdd("expand", "small.gsdd", "-o", "pairs", "-q")
    Path("pairs/.gsdd-expand.json").unlink()
    make(Path("pairs/.gsdd-expand.json"))
    assert "holds other files" in refused("expand", "small.gsdd", "-o", "pairs", "-q")


@pytest.mark.parametrize(
    "text", ['{"file": 1}', '{"file":"a","generator":5,"by_class":false,"image_format":"png"}', "[" * 9000]
)
def test_a_marker_that_is_none_of_ours_is_no_marker(refused, gsdd, desk, text):
    gsdd("expand", "small.gsdd", "-o", "pairs", "-q")
    Path("pairs/.gsdd-expand.json").write_text(text)
    assert "holds other files" in refused("expand", "small.gsdd", "-o", "pairs", "-q")


def test_pairs_that_were_changed_in_a_kept_cache_are_decoded_again(gsdd, desk):
    words = ["train", "small.gsdd", *TRAIN, "--cache", "kept", "-q", "-o"]
    gsdd(*words, "a.safetensors")
    (kept,) = Path("kept").iterdir()
    sound = kept.read_bytes()
    kept.write_bytes(bytes(len(sound)))
    gsdd(*words, "b.safetensors")
    assert kept.read_bytes() == sound
    assert Path("a.safetensors").read_bytes() == Path("b.safetensors").read_bytes()


def test_a_checkpoint_that_cannot_be_removed_is_noted_and_the_result_stands(gsdd, source, tmp_path, monkeypatch):
    target, plain = tmp_path / "m.safetensors", Path.unlink

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if self in checkpoint_paths(target):
            raise PermissionError(1, "Operation not permitted")
        plain(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    said = gsdd("train", source, *TRAIN, "-o", target)
    assert "the checkpoint cannot be removed: Operation not permitted" in said.err
    assert target.exists()
