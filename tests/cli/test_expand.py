import json
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from pairs.small_file import COMPACT, copy_photos, write_small_file

from gsdd.cli.main import exit_code


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return write_small_file(folder / "small.gsdd", copy_photos(folder / "photos"))


@pytest.fixture(autouse=True)
def in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


SUMMARY = "small_expanded: 12 pairs (12 written, 0 kept), HR 64x64, LR 16x16, png\n"


def test_the_summary_stands_on_stdout_and_progress_on_stderr(file, capsys):
    assert exit_code(["expand", str(file)]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(SUMMARY)
    assert "pairs" in printed.err


def test_configuration_for_each_trainer_stands_below_the_summary(file, capsys, tmp_path):
    exit_code(["expand", str(file)])
    summary, *blocks = capsys.readouterr().out.split("\n=== ")
    assert summary == SUMMARY
    texts = dict(block.split(" ===\n", 1) for block in blocks)
    assert list(texts) == ["BasicSR", "traiNNer-redux", "neosr", "KAIR"]
    assert tomllib.loads(texts["neosr"])["datasets"]["train"]["dataroot_gt"] == f"{tmp_path}/small_expanded/HR"
    assert json.loads(texts["KAIR"])["datasets"]["train"]["H_size"] == 48


def test_quiet_prints_the_folder_and_nothing_else(file, capsys):
    assert exit_code(["expand", str(file), "-q", "-o", "there"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "there\n"
    assert printed.err == ""


def test_json_tells_what_was_written_and_kept(file, capsys):
    exit_code(["expand", str(file), "-q"])
    Path("small_expanded/HR/animal_000000.png").unlink()
    capsys.readouterr()
    assert exit_code(["expand", str(file), "--json", "--generator", COMPACT]) == 0
    document = json.loads(capsys.readouterr().out)
    assert json.loads(document.pop("trainers")["KAIR"])["scale"] == 4
    assert document == {
        "folder": "small_expanded",
        "pairs": 12,
        "written": 1,
        "kept": 11,
        "hr_size": 64,
        "lr_size": 16,
        "image_format": "png",
        "dry_run": False,
    }


def test_several_files_are_one_set(file, tmp_path, capsys):
    for name in ("a", "b"):
        Path(f"{name}.gsdd").write_bytes(file.read_bytes())
    assert exit_code(["expand", "?.gsdd", "-o", "set", "-q"]) == 0
    assert capsys.readouterr() == ("set\n", "")
    assert len(list(Path("set").glob("HR/*.png"))) == len(list(Path("set").glob("LR_x4/*.png"))) == 24


def test_a_dry_run_says_so_and_writes_nothing(file, capsys, tmp_path):
    assert exit_code(["expand", str(file), "--dry-run", "--by-class", "--format", "webp"]) == 0
    assert capsys.readouterr().out.startswith("small_expanded: 12 pairs (12 to write, 0 kept)")
    assert not list(tmp_path.iterdir())


def test_by_class_and_webp(file):
    assert exit_code(["expand", str(file), "-q", "--by-class", "--format", "webp"]) == 0
    assert len(list(Path("small_expanded").glob("LR_x4/scene/*.webp"))) == 3


def test_a_folder_of_other_files_is_one_line_and_exit_1(file, capsys, tmp_path):
    (tmp_path / "small_expanded").mkdir()
    (tmp_path / "small_expanded" / "mine.txt").write_text("mine")
    assert exit_code(["expand", str(file)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "gsdd: small_expanded exists and holds other files; give another -o DIR, or --force to write into it\n"
    )
    assert exit_code(["expand", str(file), "--force", "-q"]) == 0


def test_other_weights_need_their_own_flag(file, capsys):
    other = ["--generator", "realesrgan-x4plus-anime"]
    assert exit_code(["expand", str(file), *other]) == 1
    assert exit_code(["expand", str(file), *other, "--force"]) == 1
    assert capsys.readouterr().err.count("\n") == 2
    assert exit_code(["expand", str(file), *other, "--force-generator"]) == 0
    assert f"{file}: forced: the file was made with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--generator", "nothing-of-that-name"], 1), (["--format", "jpeg"], 2)]
)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(file, capsys, arguments, code, tmp_path):
    assert exit_code(["expand", str(file), *arguments]) == code
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_one_line_and_exit_3(file, capsys, tmp_path):
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 1
    Path("damaged.gsdd").write_bytes(damaged)
    assert exit_code(["expand", "damaged.gsdd"]) == 3
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["damaged.gsdd"]


def test_a_missing_file_is_one_line_and_exit_1(capsys):
    assert exit_code(["expand", "nowhere.gsdd"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_ctrl_c_exits_130_and_the_same_command_goes_on(file, tmp_path):
    photos = file.parent / "photos"
    write_small_file(tmp_path / "long.gsdd", photos, counts=(100, 100, 100))
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
    assert exit_code(["expand", "long.gsdd", "-q"]) == 0
    assert len(list(tmp_path.glob("long_expanded/LR_x4/*.png"))) == 300


def test_help_names_every_option():
    from gsdd.cli.expand import expand

    text = CliRunner().invoke(expand, ["--help"]).output
    for option in ("--output", "--by-class", "--format", "--generator", "--device", "--dry-run"):
        assert option in text
