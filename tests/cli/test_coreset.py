"""`gsdd coreset`, as a user types it."""

import inspect
import json
from pathlib import Path

import pytest
from strange_photos import put

WORDS = ["coreset", "photos", "--ipc", "2", "--method", "gradient", "--hr-size", "64"]
FOLDER, LIST = [*WORDS, "-o", "out"], [*WORDS, "-o", "out.csv"]
pytestmark = pytest.mark.usefixtures("desk")


def test_the_summary_stands_on_stdout_and_progress_on_stderr(gsdd):
    out, err = gsdd(*FOLDER)
    size = sum(file.stat().st_size for file in Path("out").rglob("*") if file.is_file())
    assert out == f"out: 6 crops, 3 classes, {size:,} bytes\n"
    assert "photos: " in err
    assert "crops: " in err


def test_quiet_prints_the_path_of_a_list_alone(gsdd):
    assert gsdd(*LIST, "-q") == ("out.csv\n", "")


def test_json_is_one_document(gsdd):
    document = json.loads(gsdd(*FOLDER, "--json", "--seed", "3").out)
    assert document["classes"] == {"animal": 2, "scene": 2, "thing": 2}
    assert {name: document[name] for name in ("path", "method", "seed", "crops", "images", "dry_run")} == {
        "path": "out", "method": "gradient", "seed": 3, "crops": 6, "images": 7, "dry_run": False,
    }  # fmt: skip
    assert document["bytes"] == sum(file.stat().st_size for file in Path("out").rglob("*") if file.is_file())


def test_skipped_photos_are_named_on_stderr(desk, gsdd):
    put(desk / "few" / "sky" / "a.png", height=64, width=64)
    (desk / "few" / "sky" / "b.png").write_bytes(b"")
    words = ["coreset", "few", "-o", "out", "--ipc", "1", "--method", "random", "--hr-size", "64"]
    assert "skipped sky: sky/b.png: the file is empty\n" in gsdd(*words).err
    gsdd(*words, "--force", "--on-bad-image", "fail", code=1)


def test_the_options_have_the_functions_defaults():
    from gsdd.cli.coreset import coreset as command
    from gsdd.selection.coreset import coreset as function

    wanted = {name: entry.default for name, entry in inspect.signature(function).parameters.items()}
    for name in ("hr_size", "seed", "features", "max_candidates", "leave_out", "on_bad_image"):
        (option,) = [each for each in command.params if each.name == name]
        assert option.default == wanted[name]
