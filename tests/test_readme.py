"""What the README shows is run, and what it names exists."""

import re
from pathlib import Path

import pytest
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


PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "kernels").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_named_files_exist(page):
    text = page.read_text()
    linked = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    named = re.findall(r"`((?:gsdd|kernels|formats|cli|tests|benchmarks|docs)/[\w/]+\.(?:py|md))", text)
    named = [] if page.name == "CHANGELOG.md" else named
    assert all((page.parent / link).exists() for link in linked)
    assert all((ROOT / name).exists() for name in named)


def test_every_test_that_the_method_page_names_exists():
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "method.md").read_text()))
    code = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    assert named
    assert all(f"def {name}(" in code for name in named)
