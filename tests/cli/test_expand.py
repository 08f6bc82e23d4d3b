"""`gsdd expand`, as a user types it."""

import json
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from pairs.small_file import COMPACT, write_small_file

from gsdd.pairs.trainers import HR_ALONE, ON_THE_FLY, REAL_ESRGAN

pytestmark = pytest.mark.usefixtures("desk")
SUMMARY = "small_expanded: 12 pairs (12 written, 0 kept), HR 64x64, LR 16x16, png\n"


def test_the_summary_stands_on_stdout_and_progress_on_stderr(gsdd):
    out, err = gsdd("expand", "small.gsdd")
    assert out.startswith(SUMMARY)
    assert "pairs" in err


def test_configuration_for_each_trainer_stands_below_the_summary(gsdd, tmp_path):
    summary, *blocks = gsdd("expand", "small.gsdd").out.split("\n=== ")
    assert summary == SUMMARY
    texts = dict(block.split(" ===\n", 1) for block in blocks)
    assert list(texts) == ["BasicSR", "traiNNer-redux", "neosr", "KAIR", REAL_ESRGAN, ON_THE_FLY, HR_ALONE]
    assert tomllib.loads(texts["neosr"])["datasets"]["train"]["dataroot_gt"] == f"{tmp_path}/small_expanded/HR"
    assert json.loads(texts["KAIR"])["datasets"]["train"]["H_size"] == 48


def test_json_tells_what_was_written_and_kept(gsdd):
    gsdd("expand", "small.gsdd", "-q")
    Path("small_expanded/HR/animal_000000.png").unlink()
    document = json.loads(gsdd("expand", "small.gsdd", "--json", "--generator", COMPACT).out)
    assert json.loads(document.pop("trainers")["KAIR"])["scale"] == 4
    assert document == {
        "folder": "small_expanded",
        "pairs": 12,
        "written": 1,
        "kept": 11,
        "hr_size": 64,
        "scales": [4],
        "lr_size": 16,
        "image_format": "png",
        "dry_run": False,
    }


def test_several_files_are_one_set(small_file, gsdd):
    for name in ("a", "b"):
        Path(f"{name}.gsdd").symlink_to(small_file)
    assert gsdd("expand", "?.gsdd", "-o", "set", "-q") == ("set\n", "")
    assert len(list(Path("set").glob("HR/*.png"))) == len(list(Path("set").glob("LR_x4/*.png"))) == 24


def test_a_dry_run_says_so_and_writes_nothing(gsdd):
    said = gsdd("expand", "small.gsdd", "--dry-run", "--by-class", "--format", "webp")
    assert said.out.startswith("small_expanded: 12 pairs (12 to write, 0 kept)")
    assert not Path("small_expanded").exists()


def test_by_class_and_webp(gsdd):
    gsdd("expand", "small.gsdd", "-q", "--by-class", "--format", "webp")
    assert len(list(Path("small_expanded").glob("LR_x4/scene/*.webp"))) == 3


def test_a_folder_of_other_files_is_one_line_and_exit_1(gsdd, refused):
    Path("small_expanded").mkdir()
    Path("small_expanded/mine.txt").write_text("mine")
    assert refused("expand", "small.gsdd") == (
        "gsdd: small_expanded exists and holds other files; give another -o DIR, or --force to write into it\n"
    )
    gsdd("expand", "small.gsdd", "--force", "-q")


def test_other_weights_need_their_own_flag(gsdd, refused):
    other = ["--generator", "realesrgan-x4plus-anime"]
    refused("expand", "small.gsdd", *other)
    refused("expand", "small.gsdd", *other, "--force")
    assert "small.gsdd: forced: the file was made with" in gsdd("expand", "small.gsdd", *other, "--force-generator").err


def test_ctrl_c_exits_130_and_the_same_command_goes_on(gsdd, source, tmp_path):
    write_small_file(tmp_path / "long.gsdd", source, counts=(100, 100, 100))
    command = [sys.executable, "-m", "gsdd.cli", "expand", "long.gsdd"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while len(list(tmp_path.glob("long_expanded/HR/*.png"))) < 9:
        assert run.poll() is None
        time.sleep(0.001)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate()
    assert (run.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*.part"))
    gsdd("expand", "long.gsdd", "-q")
    assert len(list(tmp_path.glob("long_expanded/LR_x4/*.png"))) == 300
