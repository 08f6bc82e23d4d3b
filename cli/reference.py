"""docs/cli.md from the commands themselves: `python -m gsdd.cli.reference > docs/cli.md`."""

import inspect
from collections.abc import Iterator, Mapping

import click

from gsdd.cli.main import cli
from gsdd.cli.settings import GroupedCommand

HEAD = """\
# The command line

For anybody who looks up a command or an option; each command has `-h` too. This page is written from the commands by
`python -m gsdd.cli.reference > docs/cli.md`, and a test keeps it up to date.

**Output.** Data goes to stdout. Progress, notes and errors go to stderr. `--json` prints one JSON document on stdout,
`-q` only the result. `FILE...` is any number of files, URLs or globs. `--dry-run` shows what would be done and writes
nothing. Existing files are kept unless `--force` is given. If a run is interrupted, the same command continues it. An
error is one line that starts with `gsdd:`.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed: photos, weights or output cannot be used |
| 2 | usage: an option, or a combination of options, is not valid |
| 3 | a file is not sound |
| 130 | interrupted |

**URLs.** Commands read `.gsdd` files from URLs too: `https://host/ost.gsdd`, `hf://datasets/me/sets/ost.gsdd`, or any
other that [fsspec](https://filesystem-spec.readthedocs.io) knows; an error names the package that a protocol needs. The
whole file is fetched into memory and checked like one on disk. A download is refused if the server sends nothing, or
less than 1 kB a second, for 20 s, if the file is cut short or changes meanwhile, or if it has more than 1 GiB. The last
part of the URL's path is used as the file's name. Output shows neither credentials in a URL nor its query.

**Settings.** `compress` and `train` have options for the settings that people change most. `gsdd recipe` prints all
settings as TOML. `--config FILE` reads such a file, and `--set NAME=VALUE` changes one setting. An option overrides
`--set`, `--set` overrides the file, and the file overrides the preset. Settings below `run.` belong to the command; the
recipe that a file records does not contain them.

**Completion** of commands, options, generators and files in your shell:

- bash 4.4 and later, in `~/.bashrc`: `eval "$(_GSDD_COMPLETE=bash_source gsdd)"`
- zsh, in `~/.zshrc`: `eval "$(_GSDD_COMPLETE=zsh_source gsdd)"`
- fish, in `~/.config/fish/completions/gsdd.fish`: `_GSDD_COMPLETE=fish_source gsdd | source`
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
