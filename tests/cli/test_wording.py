"""The library names Python arguments, the command line options, and neither the other's."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gsdd.cli.compress import Settings
from gsdd.cli.main import cli
from gsdd.cli.settings import COMPRESS_OPTIONS, TRAIN_OPTIONS
from gsdd.cli.train import Settings as TrainSettings
from gsdd.cli.wording import CLASSES, OPTIONS, worded
from gsdd.configuration import settings

ROOT = Path(__file__).parents[2]
SOURCES = [file for room in ("gsdd", "kernels", "formats") for file in sorted((ROOT / room).rglob("*.py"))]
OPTION = re.compile(r"(?<![\w-])--[a-z]")
# `argument=VALUE` or `Class.field`; `gsdd generators fetch` and the like are no arguments.
ARGUMENT = re.compile(r"`([A-Za-z_][\w.]*)=[^`]+`|`([A-Z]\w*\.\w+)`")


def messages(file: Path) -> Iterator[str]:
    """Every string of a module that is no docstring; `{}` stands for what is filled in."""
    tree = ast.parse(file.read_text())
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.Constant | ast.Expr)]
    inner = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    inner |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        if id(node) not in inner and not isinstance(node, ast.Expr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("x: exists already; `force=True` replaces it", "x: exists already; --force replaces it"),
        ("give `generator=PATH`, or `cache=DIR`", "give --generator PATH, or --cache DIR"),
        ('try `device="cpu"`', "try --device cpu"),
        ("choose another `output`; fewer of `ipc`", "choose another -o; fewer of --ipc"),
        ("`Storage.step`: got 1", "--set storage.step: got 1"),
        ("give `Storage.step=0.1`", "give --set storage.step=0.1"),
        ("`Matching.iterations`: got 'x'", "--iterations: got 'x'"),
        ("`TrainingRecipe.crop` and `TrainingRecipe.gan_lr`", "--crop and --set gan_lr"),
        ("`StudySettings.avif_qualities`: got x", "avif_qualities: got x"),
        ("`unheard` of, `as it is`", "unheard of, as it is"),
        ("nothing of the kind", "nothing of the kind"),
    ],
)
def test_arguments_are_shown_as_options_and_all_else_without_backticks(said, shown):
    assert worded(said) == shown


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_message_of_the_library_has_an_option(file):
    for text in messages(file):
        assert not OPTION.search(text), text


def test_every_argument_in_a_message_of_the_library_has_an_option():
    found = {name or field for file in SOURCES for text in messages(file) for name, field in ARGUMENT.findall(text)}
    assert {"force", "generator"} <= found
    for name in found:
        owner, dot, _ = name.partition(".")
        assert owner in {*CLASSES, "StudySettings"} if dot else name in OPTIONS, name


def test_every_option_that_is_shown_exists():
    commands = [cli.get_command(None, name) for name in cli.list_commands(None)]
    known = {name for command in commands for each in command.params for name in each.opts}
    paths = {entry.path for base in (Settings(), TrainSettings()) for entry in settings(base)}
    for option in OPTIONS.values():
        assert option.removeprefix("--set ") in paths if " " in option else option in known, option
    assert {**COMPRESS_OPTIONS.of, **TRAIN_OPTIONS.of}.items() <= OPTIONS.items()
    groups = {f"{path.partition('.')[0]}." for path in paths if "." in path}
    assert {group for group in CLASSES.values() if group} == groups


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["expand", "small.gsdd", "-o", "mine", "-q"], "--force"),
        (["merge", "small.gsdd", "-o", "mine/a.gsdd"], "--force"),
        (["convert", "small.gsdd", "mine/a.gsdd"], "--force replaces it"),
        (["savings", "nowhere", "small.gsdd"], "no such folder"),
        (["info", "small.gsdd", "--contact-sheet", "mine/a.png"], "--force replaces it"),
        (["compress", "photos", "-o", "mine/a.gsdd"], "--force replaces it"),
        (["compress", "photos", "-o", "mine/b.gsdd", "--generator", "gone.pth"], "--generator PATH"),
        (["compress", "photos", "-o", "mine/b.gsdd", "--device", "nowhere"], "--device: got "),
        (["coreset", "photos", "-o", "mine/a.csv", "--ipc", "1", "--method", "random"], "--force replaces it"),
        (["train", "photos", "-o", "mine/a.safetensors"], "--force replaces it"),
        (["train", "photos", "-o", "mine/a.gsdd"], "give -o NAME.safetensors"),
        (["evaluate", "bicubic", "photos", "--metrics", "psnr", "--csv", "mine/a.csv"], "--force replaces it"),
        (["generators", "fetch", "realsr-df2k"], "--generator PATH"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_errors_of_commands_show_options_and_no_arguments(words, told, desk, gsdd):
    Path("mine").mkdir()
    for name in ("a.gsdd", "a.png", "a.csv", "a.safetensors"):
        (Path("mine") / name).write_text("mine")
    err = gsdd(*words, code=2 if words[-1] == "nowhere" else 1).err
    assert told in err
    assert "`" not in err
    assert "=True" not in err
