"""What the README shows is run."""

import re
from pathlib import Path

import torch
from pairs.small_file import copy_photos, write_small_file

from gsdd.cli.main import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_training_loops_run(tmp_path, monkeypatch):
    write_small_file(tmp_path / "ost.gsdd", copy_photos(tmp_path / "photos"), hr_size=128)
    monkeypatch.chdir(tmp_path)
    first, second = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict = {}
    exec(first, names)
    assert len(names["pairs"]) == 12 * 20
    assert names["batch"]["lq"].shape == (8, 3, 24, 24)
    assert names["batch"]["gt"].shape == (8, 3, 96, 96)
    assert torch.isfinite(names["loss"])
    exec(second, names)
    assert len(list(names["loader"])) == 12 * 20 // 8 - 1
    assert len(list(names["loader"])) == 12 * 20 // 8


def test_every_command_is_shown_and_exists():
    shown = set(re.findall(r"^\$ gsdd (\w+)", README, re.MULTILINE))
    assert shown == set(cli.list_commands(None))
