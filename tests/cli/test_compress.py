"""`gsdd compress` parses, calls and prints."""

import json
import re
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import gsdd
from gsdd.cli.compress import Duration, _left_of, compress
from gsdd.cli.main import cli, exit_code
from gsdd.formats.container import read

SMALL = ["--ipc", "1", "--preset", "quick", "--set", "crops.method=random", "--generator", "realesr-animevideov3",
         "--hr-size", "32", "--inversion-steps", "2", "--iterations", "1", "--set", "matching.real_batch=4",
         "--set", "crops.real=8"]  # fmt: skip


def run(*words: str | Path) -> "tuple[int, str, str]":
    result = CliRunner().invoke(cli, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def test_json_is_one_document_on_stdout_and_the_rest_is_on_stderr(photos, tmp_path):
    code, out, err = run("compress", photos, "-o", tmp_path / "a.gsdd", *SMALL, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["latents"] == len(gsdd.open(tmp_path / "a.gsdd"))
    assert document["bytes"] == (tmp_path / "a.gsdd").stat().st_size
    assert "inversion" in err
    assert "matching" in err


def test_quiet_prints_the_path_alone(photos, tmp_path):
    code, out, err = run("compress", photos, "-o", tmp_path / "a.gsdd", *SMALL, "-q")
    assert (code, out, err) == (0, f"{tmp_path / 'a.gsdd'}\n", "")


def test_a_dry_run_writes_nothing(photos, tmp_path):
    code, out, _ = run("compress", photos, "-o", tmp_path / "a.gsdd", *SMALL, "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["recipe"]["inversion_steps"] == 2
    assert not list(tmp_path.iterdir())


def test_a_dry_run_tells_people_what_a_run_costs(photos, tmp_path):
    code, out, _ = run("compress", photos, "-o", tmp_path / "a.gsdd", *SMALL, "--dry-run")
    assert code == 0
    first, *rows = out.splitlines()
    assert first.startswith(f"{tmp_path / 'a.gsdd'} (not written): ")
    assert [row.split("  ")[1] for row in rows] == ["time, estimated", "peak memory, estimated", "checkpoint"]
    assert re.search(r"^  time, estimated +(\d+ min )?\d+ s: photos .*, inversion .*, matching .*", rows[0])
    assert rows[-1].split() == ["checkpoint", "none"]


@pytest.mark.parametrize(
    ("name", "words", "container"),
    [
        ("a.h5", [], "hdf5"),
        ("a.gsdd", [], "safetensors"),
        ("a.h5", ["--set", "storage.container=deflated"], "deflated"),
    ],
)
def test_the_suffix_chooses_the_container_unless_a_setting_does(photos, tmp_path, name, words, container):
    assert run("compress", photos, "-o", tmp_path / name, *SMALL, "-q", *words)[0] == 0
    assert read(tmp_path / name).container == container


def test_an_output_that_exists_is_an_error_of_one_line(photos, tmp_path, capsys):
    (tmp_path / "a.gsdd").write_bytes(b"mine")
    assert exit_code(["compress", str(photos), "-o", str(tmp_path / "a.gsdd"), *SMALL]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert (tmp_path / "a.gsdd").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "words",
    [
        ["--ipc", "0"],
        ["--ipc", "sky="],
        ["--set", "matching.lr=inf"],
        ["--set", "matching.lam=2"],
        ["--set", "augmentation.strategies=x"],
        ["--set", "run.checkpoint_seconds=nan"],
    ],
)
def test_options_that_make_no_run_are_one_line_and_exit_code_2(photos, tmp_path, capsys, words):
    assert exit_code(["compress", str(photos), "-o", str(tmp_path / "a.gsdd"), *SMALL, *words]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("gsdd: ")


@pytest.mark.parametrize("words", [["--preset", "fast"], ["--codec", "int4"], ["--iterations", "x"], ["--nonsense"]])
def test_words_that_click_does_not_take_are_exit_code_2(photos, tmp_path, capsys, words):
    assert exit_code(["compress", str(photos), "-o", str(tmp_path / "a.gsdd"), *words]) == 2
    capsys.readouterr()


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2h", 7200)])
def test_durations_are_read_as_people_write_them(text, seconds):
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-5s", "1.5h", "5s10m"])
def test_other_durations_are_refused(photos, text, capsys):
    assert exit_code(["compress", str(photos), "--time-budget", text]) == 2
    capsys.readouterr()


def test_a_time_budget_counts_from_the_start_of_the_process():
    with click.Context(compress, obj=time.monotonic() - 5):
        assert _left_of(20) == pytest.approx(15, abs=1)
        assert _left_of(None) is None


def test_every_command_has_help_and_is_found():
    code, out, _ = run("--help")
    assert code == 0
    for name in cli.list_commands(None):
        assert name in out
        assert run(name, "-h")[0] == 0
        assert cli.get_command(None, name).help
