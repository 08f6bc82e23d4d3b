"""`gsdd coreset`, as a user types it."""

import inspect
import json
from pathlib import Path

import pytest
from strange_photos import put

from gsdd.cli.main import exit_code

WORDS = ["coreset", "photos", "--ipc", "2", "--method", "gradient", "--hr-size", "64"]
FOLDER, LIST = [*WORDS, "-o", "out"], [*WORDS, "-o", "out.csv"]


@pytest.fixture(autouse=True)
def desk(tmp_path, monkeypatch, small_file) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("photos").symlink_to(small_file.parent / "photos")
    return tmp_path


def test_the_summary_stands_on_stdout_and_progress_on_stderr(capsys):
    assert exit_code(FOLDER) == 0
    out, err = capsys.readouterr()
    size = sum(file.stat().st_size for file in Path("out").rglob("*") if file.is_file())
    assert out == f"out: 6 crops, 3 classes, {size:,} bytes\n"
    assert "photos: " in err
    assert "crops: " in err


@pytest.mark.parametrize("words", [FOLDER, LIST], ids=["folder", "list"])
def test_quiet_prints_the_path_alone(words, capsys):
    assert exit_code([*words, "-q"]) == 0
    assert capsys.readouterr() == (f"{words[-1]}\n", "")


def test_json_is_one_document(capsys):
    assert exit_code([*FOLDER, "--json", "--seed", "3"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["classes"] == {"animal": 2, "scene": 2, "thing": 2}
    assert {name: document[name] for name in ("path", "method", "seed", "crops", "images", "dry_run")} == {
        "path": "out", "method": "gradient", "seed": 3, "crops": 6, "images": 7, "dry_run": False,
    }  # fmt: skip
    assert document["bytes"] == sum(file.stat().st_size for file in Path("out").rglob("*") if file.is_file())


@pytest.mark.parametrize("form", [[], ["--json"], ["-q"]], ids=str)
def test_a_dry_run_writes_nothing_and_refuses_what_the_run_would(form, desk, capsys):
    assert exit_code([*FOLDER, "--dry-run", *form]) == 0
    assert capsys.readouterr().out
    assert [path.name for path in desk.iterdir()] == ["photos"]
    Path("out").write_text("mine")
    assert exit_code([*FOLDER, "--dry-run", "-q"]) == 1


def test_skipped_photos_are_named_on_stderr(desk, capsys):
    put(desk / "few" / "sky" / "a.png", height=64, width=64)
    (desk / "few" / "sky" / "b.png").write_bytes(b"")
    words = ["coreset", "few", "-o", "out", "--ipc", "1", "--method", "random", "--hr-size", "64"]
    assert exit_code(words) == 0
    assert "skipped sky: sky/b.png: the file is empty\n" in capsys.readouterr().err
    assert exit_code([*words, "--force", "--on-bad-image", "fail"]) == 1


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([*FOLDER, "--ipc", "999"], 2, "class animal: 999 crops wanted"),
        ([*FOLDER, "--ipc", "many"], 2, "ipc is 'many'"),
        ([*FOLDER, "--method", "best"], 2, "Invalid value for '--method'"),
        ([*FOLDER, "-o", "-"], 2, "Invalid value for '-o'"),
        (["coreset", "gone", *FOLDER[2:]], 1, "gone: no such folder"),
        ([*FOLDER, "-o", "photos/out"], 1, "only read from"),
        ([*FOLDER, "-o", "gone/out"], 1, "there is no folder gone"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(desk, capsys, words, code, told):
    assert exit_code([*words, "-q"]) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert told in err
    assert [path.name for path in desk.iterdir()] == ["photos"]


def test_the_options_have_the_functions_defaults():
    from gsdd.cli.coreset import coreset as command
    from gsdd.selection.coreset import coreset as function

    wanted = {name: entry.default for name, entry in inspect.signature(function).parameters.items()}
    for name in ("hr_size", "seed", "features", "max_candidates", "leave_out", "on_bad_image"):
        (option,) = [each for each in command.params if each.name == name]
        assert option.default == wanted[name]
