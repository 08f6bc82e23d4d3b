"""The pages: they build as a site, their links lead somewhere, and what they show is run."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
import yaml
from pairs.small_file import copy_photos, write_small_file

from gsdd.cli.main import cli, exit_code

ROOT = Path(__file__).parents[1]
SITE_PARTS = ("*.md", "docs/*.md", "examples/*.md", "formats/*.md", "kernels/*/README.md")
PAGES = sorted(str(page.relative_to(ROOT)) for part in SITE_PARTS for page in ROOT.glob(part))
# Of each block: its language, and its text.
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
IN_A_LINE = re.compile(r"`((?:gsdd|python) [^`]+)`")
# What makes a command of a page quick: of an option that is given twice, click takes the last.
QUICKER = {
    "compress": "--generator realesr-animevideov3 --preset quick --ipc 1 --inversion-steps 2 --iterations 2 --force",
    "coreset": "--ipc 1",
    "evaluate": "--metrics psnr",
    "report": "--force",
    "train": "--size small --iterations 2 --batch 2",
}
RUN = ["docs/report.md", "docs/sources.md", "docs/students.md", "docs/trainers.md"]


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def blocks(page: str, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(text_of(page)) if kind == language]


def commands(page: str) -> Iterator[list[str]]:
    """Yield the words of every command of gsdd that a console block, or an example of docs/cli.md, shows."""
    shown = [line.removeprefix("$ ") for block in blocks(page, "console") for line in joined(block) if line[0] == "$"]
    plain = [line for block in blocks(page, "") for line in joined(block) if line.startswith("gsdd ")]
    for line in [*shown, *(line for line in plain if "[OPTIONS]" not in line)]:
        words = shlex.split(re.split(r" [|>] ", line)[0], comments=True)
        if "gsdd" in words:
            yield words[words.index("gsdd") + 1 :]


def joined(block: str) -> list[str]:
    return [line for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def build(root: Path, target: Path) -> subprocess.CompletedProcess:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", target]
    return subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)


def read(words: list[str], group: click.Command = cli) -> None:
    """Parse a command line as click does, but look at no file."""
    context = click.Context(group, **cli.context_settings)
    while isinstance(group, click.Group) and words and not words[0].startswith("-"):
        command = group.get_command(context, words[0])
        assert command is not None, words
        group, words = command, words[1:]
    values, _, _ = group.make_parser(context).parse_args(list(words))
    for option in group.params:
        if isinstance(option, click.Option) and isinstance(option.type, click.Choice) and option.name in values:
            option.type_cast_value(context, values[option.name])


def test_the_site_builds_and_needs_nothing_from_elsewhere(tmp_path):
    done = build(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr
    pages = {str(page.relative_to(tmp_path)) for page in tmp_path.rglob("*.html")}
    assert pages == {*(page.replace("README", "index").replace(".md", ".html") for page in PAGES), "404.html"}
    for page in pages:
        asked = re.findall(r"<(?:link|script|img)[^>]*(?:href|src)=\"(https?://[^\"]+)", (tmp_path / page).read_text())
        assert not asked, page


def test_a_broken_link_or_anchor_or_a_page_that_no_menu_has_fails_the_build(tmp_path):
    for name in ("mkdocs.yml", ".ci", "docs", "formats", "kernels"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    for page in (*ROOT.glob("*.md"), ROOT / "LICENSE"):
        shutil.copy(page, tmp_path)
    if (ROOT / "examples").is_dir():
        shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "docs" / "index.md").write_text("[a](missing.md) [b](cli.md#no-such-command)\n")
    (tmp_path / "docs" / "forgotten.md").write_text("# Forgotten\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    for said in ("'missing.md'", "'#no-such-command'", "docs/forgotten.md"):
        assert said in done.stderr


def test_the_menu_has_every_page_once():
    menu = re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2])
    assert sorted(menu) == PAGES


def test_the_way_in_names_every_page_of_docs():
    linked = set(re.findall(r"\]\((\w+\.md)\)", text_of("docs/index.md")))
    assert linked == {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")} - {"index.md"}


@pytest.mark.parametrize("page", PAGES)
def test_links_and_named_files_exist(page):
    text = text_of(page)
    linked = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert all(((ROOT / page).parent / link).exists() for link in linked)
    if page != "CHANGELOG.md":
        named = re.findall(r"((?:gsdd|kernels|formats|cli|tests|benchmarks|docs)/[\w/]+\.(?:py|md|jsonl))\b", text)
        assert all((ROOT / name).exists() for name in named)


@pytest.mark.parametrize("page", PAGES)
def test_a_list_begins_after_a_blank_line(page):
    """GitHub takes a list without one, Python-Markdown, which makes the site, does not."""
    prose = BLOCK.sub("", text_of(page))
    assert not re.findall(r"^(?![-*#|>\s]|\d+\.).+\n(?:- |\* |1\. ).*", prose, re.MULTILINE)


def test_every_test_that_the_method_page_names_exists():
    named = set(re.findall(r"`(test_\w+)`", text_of("docs/method.md")))
    code = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    assert named
    assert all(f"def {name}(" in code for name in named)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_that_a_page_shows_can_be_given(page):
    for words in commands(page):
        read(words)


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_commands_in_a_line_have_the_options_that_are_named(page):
    for line in IN_A_LINE.findall(text_of(page).replace("\n", " ")):
        words = shlex.split(line.replace("...", ""))
        if words[0] == "python" and words[1].startswith("benchmarks/"):
            script = (ROOT / words[1]).read_text()
            assert all(word in script for word in options(words[2:]) - options_of("compress")), line
        if words[0] == "gsdd" and words[1] in cli.list_commands(click.Context(cli, **cli.context_settings)):
            assert options(words[2:]) <= options_of(words[1]), line


def options(words: list[str]) -> set[str]:
    return {word for word in words if word.startswith("-")}


def options_of(name: str) -> set[str]:
    command = cli.get_command(click.Context(cli, **cli.context_settings), name)
    return {"-h", *(spelled for option in command.params for spelled in option.opts)}


@pytest.fixture
def at_work(tmp_path, monkeypatch):
    """Be where a reader is: in a folder with photos, and with a file that was made of them."""
    copy_photos(tmp_path / "ost")
    for name in ("photos", "ost_test"):
        shutil.copytree(tmp_path / "ost", tmp_path / name)
    write_small_file(tmp_path / "ost.gsdd", tmp_path / "ost", hr_size=128)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", RUN)
def test_the_commands_of_a_page_run(page, at_work, capsys):
    shown = [words for words in commands(page) if words]
    assert shown
    for words in shown:
        here = [word.replace("../shared/data/mini-ost/train", "ost/") for word in words]
        assert exit_code([*here, *QUICKER.get(words[0], "").split()]) == 0, capsys.readouterr().err


def test_what_scan_is_shown_to_print_has_the_lines_that_it_prints(at_work, gsdd):
    """The numbers are those of mini-ost, which not every machine has."""
    shown = blocks("docs/sources.md", "console")[0].splitlines()[1:]
    printed = gsdd("scan", "ost/").out.splitlines()
    first_words = [line[:15].rstrip() for line in shown if line[:1].strip() and line[14:15] == " "]
    assert first_words == [line[:15].rstrip() for line in printed if line[:1].strip() and line[14:15] == " "]


def test_every_page_with_commands_to_run_is_run():
    plain = {page for page in PAGES if page.startswith("docs/") and blocks(page, "console") and [*commands(page)]}
    assert plain - set(RUN) == {"docs/processes.md"}  # under torchrun: tests/processes


def test_the_degradations_that_are_shown_run(at_work):
    first, second = blocks("docs/degradations.md", "python")
    exec(first, {})
    names: dict = {}
    exec(second, names)
    assert names["pairs"][0]["lq"].shape == (3, 24, 24)


def test_a_loop_of_ones_own_runs_and_resumes(at_work):
    first, second = blocks("docs/pairs.md", "python")
    names: dict = {}
    exec(first, names)
    assert (names["lr"].shape, names["hr"].shape) == ((8, 3, 24, 24), (8, 3, 96, 96))
    exec(second, names)
    assert [len(list(names["loader"])) for _ in range(2)] == [len(names["pairs"]) // 8 - 1, len(names["pairs"]) // 8]


def test_what_trainers_are_given_fits(at_work, monkeypatch):
    script, kair = blocks("docs/trainers.md", "python")
    monkeypatch.setitem(sys.modules, "basicsr", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "basicsr.train", SimpleNamespace(train_pipeline=None))
    exec(script, {"__name__": "imported"})
    names: dict = {"dataset_opt": {"H_size": 96}}
    exec(f"import gsdd\n{kair}", names)
    assert names["train_set"][0]["H"].shape == (3, 96, 96)
    assert all(isinstance(yaml.safe_load(text), dict) for text in blocks("docs/trainers.md", "yaml"))
