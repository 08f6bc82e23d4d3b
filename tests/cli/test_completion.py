"""Shell completion: what click's generated scripts ask of the command, and what a real bash makes of the answers."""

import os
import subprocess
import sys

import pytest
from click.shell_completion import get_completion_class

from gsdd.cli.main import cli
from gsdd.generators.named import NAMED
from gsdd.recipe import PRESETS

COMMANDS = [
    "card", "compress", "convert", "coreset", "evaluate", "expand", "generators", "info", "merge", "recipe", "report",
    "savings", "scan", "students", "study", "train", "verify",
]  # fmt: skip


def offered(*words: str) -> list[str]:
    """What Tab offers for the last word, after the others."""
    shell = get_completion_class("bash")(cli, {}, "gsdd", "_GSDD_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ([""], COMMANDS),
        (["exp"], ["expand"]),
        (["generators", ""], ["export", "fetch", "list", "show"]),
        (["compress", "--on"], ["--on-bad-image"]),
        (["compress", "--i"], ["--ipc", "--inversion-steps", "--iterations"]),
        (["compress", "ost", "--preset", ""], list(PRESETS)),
        (["recipe", ""], [*PRESETS, "training"]),
        (["compress", "ost", "--generator", ""], list(NAMED)),
        (["expand", "ost.gsdd", "--generator", "realsr"], ["realsr-df2k"]),
        (["verify", "ost.gsdd", "--generator", "realesrgan-x4plus-"], ["realesrgan-x4plus-anime"]),
        (["generators", "show", "realesr-"], ["realesr-animevideov3"]),
        (["generators", "fetch", "realsr"], ["realsr-df2k"]),
    ],
)
def test_commands_options_and_names_are_offered(words, answer):
    assert offered(*words) == answer


@pytest.mark.parametrize(
    "words",
    [["compress", "--generator", "weights/4x"], ["generators", "export", "./4x"], ["compress", "o"], ["verify", "o"]],
)
def test_files_are_left_to_the_shell(words):
    shell = get_completion_class("bash")(cli, {}, "gsdd", "_GSDD_COMPLETE")
    assert [item.type for item in shell.get_completions(words[:-1], words[-1])] == ["file"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script_and_answers(shell):
    def ask(instruction: str, **environment: str) -> str:
        settings = os.environ | {"_GSDD_COMPLETE": f"{shell}_{instruction}"} | environment
        command = [sys.executable, "-m", "gsdd.cli"]
        return subprocess.run(command, env=settings, capture_output=True, text=True, check=True).stdout

    assert f"_GSDD_COMPLETE={shell}_complete" in ask("source")
    incomplete = "generators show realsr"
    answer = ask("complete", COMP_WORDS=f"gsdd {incomplete}", COMP_CWORD="realsr" if shell == "fish" else "3")
    assert "realsr-df2k" in answer


def test_a_real_bash_completes_after_the_line_that_the_help_gives(tmp_path):
    home = tmp_path / "bin"
    home.mkdir()
    (home / "gsdd").write_text(f'#!/bin/sh\nexec {sys.executable} -m gsdd.cli "$@"\n')
    (home / "gsdd").chmod(0o755)
    line = cli.epilog.partition("bash: ")[2].partition(";")[0]
    asked = 'COMP_WORDS=(gsdd comp) COMP_CWORD=1; _gsdd_completion gsdd; echo "${COMPREPLY[@]}"'
    script = f"{line}\ncomplete -p gsdd\n{asked}"
    settings = os.environ | {"PATH": f"{home}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=settings, capture_output=True, text=True, check=True)
    assert done.stdout == "complete -o nosort -F _gsdd_completion gsdd\ncompress\n"
