"""docs/cli.md from the commands themselves: `python -m gsdd.cli.reference > docs/cli.md`."""

import inspect
from collections.abc import Iterator, Mapping

import click

from gsdd.cli.main import cli
from gsdd.cli.settings import GroupedCommand

HEAD = """\
# The command line

Written by `python -m gsdd.cli.reference > docs/cli.md` from the commands themselves; a test keeps it so. Every command
also has `-h`.

**Output.** Data goes to stdout, all else to stderr: progress with its rate and time left, notes, errors. `--json`
prints one JSON document on stdout, `-q` the result alone. `FILE...` is any number of files, URLs or globs. `--dry-run`
says what would be done and writes nothing. What exists is kept unless `--force` is given; the same command again goes
on where a run was interrupted. An error is one line that starts with `gsdd:`.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed: photos, weights or output that cannot be used |
| 2 | usage: an option, or a combination of options, that makes no run |
| 3 | a file is not sound |
| 130 | interrupted |

**URLs.** A `.gsdd` file that is read may lie behind a URL: `https://host/ost.gsdd`, `hf://datasets/me/sets/ost.gsdd`,
or any other that [fsspec](https://filesystem-spec.readthedocs.io) knows; an error names the package that a protocol
needs. The file is fetched whole, into memory, and checked as one on disk is. Refused are a server that sends nothing,
or less than 1 kB a second, for 20 s; a file that is cut short, or changes under way; and one of more than 1 GiB. The
name of a file, where one is needed, is the last part of the URL's path. Output shows neither credentials in a URL nor
its query.

**Settings.** `compress` and `train` show the options that people change most. `gsdd recipe` prints all settings as
TOML, `--config FILE` takes such a file, and `--set NAME=VALUE` one setting. An option wins over `--set`, that over the
file, and the file over the preset. Settings below `run.` are the command's own, and not in
the recipe that a file records.

**Completion** of commands, options, generators and files in your shell:

| shell | line |
|---|---|
| bash 4.4 and later, in `~/.bashrc` | `eval "$(_GSDD_COMPLETE=bash_source gsdd)"` |
| zsh, in `~/.zshrc` | `eval "$(_GSDD_COMPLETE=zsh_source gsdd)"` |
| fish, in `~/.config/fish/completions/gsdd.fish` | `_GSDD_COMPLETE=fish_source gsdd \\| source` |
"""


def reference() -> str:
    """Give the whole page, in Markdown."""
    context = click.Context(cli, info_name="gsdd", **cli.context_settings)
    return "\n".join([HEAD, *_sub_commands(cli, context)])


def _sub_commands(group: click.Group, parent: click.Context) -> Iterator[str]:
    for name in group.list_commands(parent):
        if (command := group.get_command(parent, name)) is not None:
            context = click.Context(command, parent=parent, info_name=name)
            yield _section(command, context)
            if isinstance(command, click.Group):
                yield from _sub_commands(command, context)


def _section(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    options = [each for each in command.params if isinstance(each, click.Option)]
    records = [_option(*record) for each in options if (record := each.get_help_record(context))]
    replaced = _replaced(command.replaced) if isinstance(command, GroupedCommand) else []
    about = [f"## {context.command_path}", _code(usage), _prose(command.help or "")]
    return "\n".join([*about, *records, "", *replaced])


def _replaced(options: Mapping[str, str]) -> list[str]:
    """Tell what became of options of version 0.1.0, as a table."""
    head = ["What became of options of version 0.1.0:", "", "| option | now |", "|---|---|"]
    return [*head, *(f"| `{option}` | {instead} |" for option, instead in options.items()), ""]


def _prose(text: str) -> str:
    """Turn click's paragraphs into Markdown's; one that click leaves as it is, an example, becomes code."""
    return "\n\n".join(_paragraph(part) for part in inspect.cleandoc(text).split("\n\n")) + "\n"


def _paragraph(text: str) -> str:
    if not text.startswith("\b\n"):
        return text
    title, _, example = text.removeprefix("\b\n").partition("\n")
    return f"{title}\n{_code(inspect.cleandoc(example))}".rstrip()


def _code(text: str) -> str:
    return f"```\n{text}\n```"


def _option(names: str, about: str) -> str:
    return f"- `{names}`: {about.replace('  [', ' [')}" if about else f"- `{names}`"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
