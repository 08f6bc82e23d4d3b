"""What every command does alike: help, JSON, -q, --dry-run, clean stdout, and one line for an error."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from pairs.small_file import COMPACT
from recipes import TINY, quick

from gsdd.cli import progress
from gsdd.cli.main import cli

pytestmark = pytest.mark.usefixtures("desk")
COMPRESS = ["compress", "photos", "-o", "out.gsdd", *quick(**TINY)]
CORESET = ["coreset", "photos", "-o", "out", "--ipc", "2", "--method", "gradient", "--hr-size", "64"]
EXPAND = ["expand", "small.gsdd", "-o", "out"]
CONVERT = ["convert", "small.gsdd", "out.h5"]
MERGE = ["merge", "small.gsdd", "-o", "out.gsdd"]
EXPORT = ["generators", "export", COMPACT, "-o", "out.safetensors"]
FETCH = ["generators", "fetch", "realesrgan-x4plus"]
SHEET = ["info", "small.gsdd", "--contact-sheet", "out.png"]
SHOW = ["generators", "show", COMPACT]
READERS = [["info", "small.gsdd"], ["verify", "small.gsdd"], ["savings", "photos", "small.gsdd", "--sample", "1"], SHOW]
LISTS = [["generators"], ["generators", "list"], ["recipe", "quick"], ["recipe", "training"]]
WRITERS = [COMPRESS, CORESET, EXPAND, CONVERT, MERGE, EXPORT]
every_writer = pytest.mark.parametrize("words", WRITERS, ids=lambda words: " ".join(words[:2]))


def in_a_process(*words: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "gsdd.cli", *words], stderr=subprocess.PIPE, text=True, **options)


def every_command(group: click.Group = cli, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    context = click.Context(group)
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += every_command(command, (*path, name))
    return found


def command_of(path: tuple[str, ...]) -> click.Command:
    command: click.Command = cli
    for name in path:
        command = command.get_command(click.Context(command), name)
    return command


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_every_command_has_help_an_example_json_and_quiet(path, gsdd):
    command = command_of(path)
    assert {"--json", "-q"} <= {name for parameter in command.params for name in parameter.opts}
    assert command.help
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert all(each.help for each in options)
    for flag in ("-h", "--help"):
        out = gsdd(*path, flag).out
        assert all(max(each.opts, key=len) in out for each in options)
        assert out.startswith(f"Usage: gsdd {' '.join(path)} ")
        assert isinstance(command, click.Group) or f"  Example:\n    gsdd {' '.join(path)}" in out


@pytest.mark.parametrize(
    "path", [("compress",), ("coreset",), ("convert",), ("expand",), ("merge",), ("generators", "export")], ids=" ".join
)
def test_every_command_that_writes_has_dry_run_and_force(path):
    assert {"--dry-run", "--force"} <= {name for parameter in command_of(path).params for name in parameter.opts}


@pytest.mark.parametrize(
    "words", [*READERS, *LISTS, *WRITERS, SHEET, [*FETCH, "--dry-run"]], ids=lambda w: " ".join(w[:2])
)
def test_json_is_one_document_on_stdout(words, gsdd):
    assert isinstance(json.loads(gsdd(*words, "--json").out), dict)


@pytest.mark.parametrize("rest", [[], ["list"], SHOW[1:], [*EXPORT[1:], "--dry-run"], [*FETCH[1:], "--dry-run"]])
def test_json_and_quiet_before_the_sub_command_are_those_after_it(rest, gsdd):
    for flag in ("--json", "-q"):
        assert gsdd("generators", flag, *rest) == gsdd("generators", *rest, flag)


@pytest.mark.parametrize("words", [*WRITERS, [*FETCH, "--dry-run"]], ids=lambda words: " ".join(words[:2]))
def test_quiet_prints_the_path_that_was_written_alone(words, desk, gsdd):
    path = (
        f"{desk}/cache/RealESRGAN_x4plus.pth" if words[1] == "fetch" else next(w for w in words if w.startswith("out"))
    )
    assert gsdd(*words, "-q") == (f"{path}\n", "")


@pytest.mark.parametrize("words", [*READERS, *LISTS, SHEET], ids=lambda words: " ".join(words[:2]))
def test_quiet_prints_the_data_alone(words, gsdd):
    out, err = gsdd(*words, "-q")
    assert (bool(out), err) == (True, "")


@pytest.mark.parametrize("words", [*WRITERS, FETCH], ids=lambda words: " ".join(words[:2]))
@pytest.mark.parametrize("form", [[], ["--json"], ["-q"]], ids=str)
def test_a_dry_run_writes_nothing(words, form, desk, gsdd):
    before = sorted(desk.rglob("*"))
    assert gsdd(*words, "--dry-run", *form).out
    assert sorted(desk.rglob("*")) == before


@every_writer
def test_a_dry_run_refuses_what_the_run_would_refuse(words, refused):
    output = next(word for word in words if word.startswith("out"))
    Path(output).write_text("mine")
    refused(*words, "--dry-run", "-q")


@every_writer
def test_a_dash_is_not_taken_for_the_name_of_an_output(words, refused):
    dashed = ["-" if word.startswith("out") else word for word in words]
    assert refused(*dashed, code=2).startswith("gsdd: Invalid value for ")
    assert not Path("-").exists()


def test_without_arguments_the_help_is_printed(gsdd):
    err = gsdd(code=2).err
    assert "\n  compress " in err.partition("Commands:")[2]
    assert all(f"\n  {name} " in err for name in cli.list_commands(None))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nope"], "No such command 'nope'. (gsdd -h tells more)"),
        (["compress"], "Missing argument 'SOURCE'. (gsdd compress -h tells more)"),
        (["generators", "show", "--nope"], "No such option '--nope'. (gsdd generators show -h tells more)"),
        (["savings", "a", "b", "--sample", "x"], "Invalid value for '--sample': 'x' is not a valid integer. (gsdd "
                                                 "savings -h tells more)"),
    ],
)  # fmt: skip
def test_usage_errors_are_one_line_that_says_where_to_read_more(words, told, refused):
    assert refused(*words, code=2) == f"gsdd: {told}\n"


def test_a_reader_that_stops_early_causes_no_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    done = in_a_process("info", "small.gsdd", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_full_disk_behind_stdout_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = in_a_process("info", "small.gsdd", stdout=full)
    assert (done.returncode, done.stderr) == (1, "gsdd: No space left on device\n")


def test_names_that_are_no_text_are_printed_as_their_bytes():
    name = b"\xff.h5"
    strict = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    command = [sys.executable, "-m", "gsdd.cli", "convert", "-q", "small.gsdd", name]
    assert subprocess.run(command, env=strict, capture_output=True, check=True).stdout == name + b"\n"


def test_progress_in_a_log_is_whole_lines_with_rate_and_time_left(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LOG_INTERVAL", 0.01)
    with progress.Progress() as bars:
        for step in range(1, 4):
            bars.progress("inversion", step, 9, 0.25)
            time.sleep(0.02)
    first, *others = capsys.readouterr().err.splitlines()
    assert first == "inversion: 1/9 [00:00<?, ?/s]"
    assert others
    for line in others:
        assert line.startswith("inversion: ")
        assert "<00:00, " in line
        assert line.endswith("/s, loss 0.25]")


def test_progress_tells_images_a_second_where_a_step_is_several(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LOG_INTERVAL", 0.01)
    with progress.Progress() as bars:
        for step in range(1, 4):
            bars.progress("matching", step, 9, 0.25, images=56)
            time.sleep(0.02)
    for line in capsys.readouterr().err.splitlines()[1:]:
        steps, images = re.search(r" ([\d.]+)/s, ([\d.e+]+) images/s, loss 0.25]$", line).groups()
        assert float(images) == pytest.approx(56 * float(steps), rel=0.01)
