"""The `gsdd` command: finds sub-commands, and turns every error into one line and an exit code.

Exit codes: 0 ok, 1 failed, 2 usage, 3 the file is not sound, 130 interrupted.
"""

import importlib
import io
import os
import shlex
import shutil
import sys
import time
from contextlib import suppress
from subprocess import list2cmdline
from typing import Any

import click

from gsdd.cli.processes import may_complain
from gsdd.cli.streams import tell
from gsdd.cli.wording import worded
from gsdd.errors import FormatError, GsddError, Interrupted, RecipeError
from gsdd.formats.place import Url, place_of

COMMANDS = (
    "card", "compress", "convert", "coreset", "evaluate", "expand", "generators", "info", "merge", "recipe", "report",
    "savings", "scan", "students", "study", "train", "verify",
)  # fmt: skip
# These go on where the same command was interrupted.
CONTINUING = {"compress", "expand", "study", "train"}

HELP_WIDTH = 100
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_FORMAT = 3
EXIT_INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that imports a sub-command's module when the command is asked for, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the sub-commands, in alphabetical order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a sub-command; it has the command's name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"gsdd.cli.{cmd_name}"), cmd_name)
        return command


COMPLETION = 'Completion in bash: eval "$(_GSDD_COMPLETE=bash_source gsdd)"; zsh and fish: docs/cli.md.'


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}, epilog=COMPLETION
)
@click.version_option(package_name="gsdd")
def cli() -> None:
    """Compress a folder of photos into latents of a super-resolution GAN, and get HR-LR pairs back."""


def complain(text: str) -> str:
    """Tell what is wrong on stderr, in one line and by one process; return the line."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in worded(text)).split())
    if may_complain():
        tell(f"gsdd: {line}")
    return line


def _tell_how_to_continue(arguments: list[str]) -> None:
    """Print a command that a shell takes as it is, whatever bytes the names in it have; no secrets of a URL."""
    if arguments[:1] and arguments[0] in CONTINUING and may_complain():
        words = [str(place) if isinstance(place := place_of(word), Url) else word for word in arguments]
        join = list2cmdline if sys.platform == "win32" else shlex.join
        tell(os.fsencode(f"to continue: {join(['gsdd', *words])}"))


def code_of(error: GsddError) -> int:
    """Give the exit code of an error."""
    if isinstance(error, FormatError):
        return EXIT_FORMAT
    return EXIT_USAGE if isinstance(error, RecipeError) else EXIT_FAILED


def _width() -> int:
    """Choose the width of help texts: the terminal's, up to 100."""
    return min(shutil.get_terminal_size().columns, HELP_WIDTH) if sys.stdout.isatty() else HELP_WIDTH


def _print_any_name() -> None:
    """Print a file name that is no UTF-8 as the bytes that it is, rather than fail on it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        is_utf8 = sys.stdout.encoding.lower() == "utf-8"
        sys.stdout.reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")


def _forget_what_does_not_arrive() -> None:
    """Lead streams that fail to nowhere: Python would try them once more at its end, with an exit code of its own."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code.

    Args:
        arguments: words after `gsdd`; None takes them from the process.
    """
    _print_any_name()
    code = exit_code(arguments)
    _forget_what_does_not_arrive()
    sys.exit(code)


def exit_code(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; each error is one line on stderr.

    Args:
        arguments: words after `gsdd`; None takes them from the process.

    Returns:
        0 ok, 1 failed, 2 usage, 3 the file is not sound, 130 interrupted.
    """
    try:
        result: Any = cli.main(
            args=arguments, prog_name="gsdd", standalone_mode=False, obj=time.monotonic(), terminal_width=_width()
        )
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        complain(error.format_message() + (f" ({context.command_path} -h tells more)" if context else ""))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt, Interrupted) as error:
        complain(str(error) or "interrupted")
        _tell_how_to_continue(sys.argv[1:] if arguments is None else arguments)
        return EXIT_INTERRUPTED
    except GsddError as error:
        complain(str(error))
        return code_of(error)
    except OSError as error:
        complain(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
        return EXIT_FAILED
    except (MemoryError, RuntimeError) as error:  # torch tells of missing memory and devices as RuntimeError
        complain(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'out of memory'}")
        return EXIT_FAILED
