"""What the README shows is run."""

import re
import shlex
import shutil
from pathlib import Path

import torch
from pairs.small_file import copy_photos, write_small_file

from gsdd.cli.main import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


# What keeps a command of the README short; the rest of it is as shown, and so are the photos' folders.
SHORTER = {
    "compress": ("--set", "inversion.steps=2", "--set", "matching.iterations=1"),
    "savings": ("--sample", "1"),
    "train": ("--iterations", "2"),
}
NUMBER = re.compile(r"~?-?\d[\d.,]*( ?[kMG]?B\b| ?%)?")


def shown_commands(page: str) -> list[tuple[list[str], list[str]]]:
    """Give of each `gsdd` command in console blocks its words, and the lines that are shown of its output."""
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    texts = [
        text for block in blocks for text in re.split(r"^\$ ", block, flags=re.MULTILINE) if text.startswith("gsdd ")
    ]
    return [(shlex.split(text.splitlines()[0], comments=True)[1:], text.splitlines()[1:]) for text in texts]


def masked(line: str) -> str:
    """Leave out numbers with their units, and how columns are spaced."""
    return " ".join(NUMBER.sub("#", line).split())


def test_the_commands_run_and_print_what_is_shown(tmp_path, source, monkeypatch, gsdd):
    shutil.copytree(source, tmp_path / "photos")
    shutil.copytree(source, tmp_path / "test_photos")
    monkeypatch.chdir(tmp_path)
    commands = shown_commands(README)
    assert {words[0] for words, _ in commands} >= {"compress", "savings", "expand", "train", "evaluate"}
    for words, lines in commands:
        printed = {masked(line) for line in gsdd(*words, *SHORTER.get(words[0], ())).out.splitlines()}
        assert {masked(line) for line in lines if line != "..."} <= printed
    assert (tmp_path / "report.html").is_file()


def test_the_training_loop_runs(tmp_path, monkeypatch):
    write_small_file(tmp_path / "photos.gsdd", copy_photos(tmp_path / "photos"), hr_size=128)
    monkeypatch.chdir(tmp_path)
    (loop,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict = {}
    exec(loop, names)
    assert len(names["pairs"]) == 12 * 20
    assert names["batch"]["lq"].shape == (8, 3, 24, 24)
    assert names["batch"]["gt"].shape == (8, 3, 96, 96)
    assert torch.isfinite(names["loss"])


def test_named_commands_and_options_exist():
    commands = {name: cli.get_command(None, name) for name in cli.list_commands(None)}
    assert set(re.findall(r"\bgsdd ([a-z]+)\b", "\n".join(re.findall(r"`gsdd [^`]+`", README)))) <= commands.keys()
    options = {option for command in commands.values() for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"(?<=[` ])--[a-z-]+", README)) <= options | {"--version"}
