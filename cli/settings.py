"""The settings of a recipe on the command line: the common ones as options, every one by `--set` and `--config`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import click

from gsdd.cli.options import FILE, Command, Decorator
from gsdd.configuration import Setting, parse_assignments, read_toml, settings, with_settings
from gsdd.errors import RecipeError

# The widest column of options in a help text.
COLUMN = 32


class GroupedCommand(click.Command):
    """A command whose help lists its options in groups, and which knows what became of earlier options.

    Args:
        groups: heading -> options.
        replaced: an option that was given up -> what to do instead.
    """

    def __init__(
        self,
        *values: Any,  # noqa: ANN401
        groups: Mapping[str, Sequence[str]],
        replaced: Mapping[str, str],
        **named: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*values, **named)
        self.groups = groups
        self.replaced = replaced

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section of options a group."""
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        records = {max(each.opts, key=len): each.get_help_record(ctx) or ("", "") for each in options}
        width = min(COLUMN, max(len(names) for names, _ in records.values()))
        for heading, members in self.groups.items():
            rows = [records[option] for option in members]
            with formatter.section(heading):
                formatter.write_dl([(names.ljust(width), about) for names, about in rows], col_max=width)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words of the command; an option that was given up is refused with what replaces it."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name not in self.replaced:
                raise
            told = f"{error.option_name} was removed; {self.replaced[error.option_name]}"
            raise click.UsageError(told, ctx) from error


@dataclass(frozen=True)
class SettingOptions:
    """The options of a command that change a setting each, beside `--set` and `--config`, which change any.

    Attributes:
        of: path of a setting -> its option.
        unset: what help texts call the value that a setting has where it is not given.
        lister: the command that prints all settings.
    """

    of: dict[str, str]
    unset: str
    lister: str

    def add_to(self, base: object, **types: Any) -> Decorator:  # noqa: ANN401
        """Add the options to a command.

        Args:
            base: the configuration.
            types: click's type of a setting, where it is not that of its values.
        """
        known = {entry.path: entry for entry in settings(base)}
        every: list[Decorator] = [
            click.option(
                "--set", "assignments", metavar="NAME=VALUE", multiple=True,
                help=f"Any other setting; may be repeated. {self.lister} lists all.",
            ),
            click.option("--config", type=FILE, help=f"A TOML file of settings, as {self.lister} prints."),
            *(self._option(known[path], option, types.get(path)) for path, option in reversed(self.of.items())),
        ]  # fmt: skip

        def add(command: Command) -> Command:
            for option in every:
                command = option(command)
            return command

        return add

    def given(
        self, base: object, config: Path | None, assignments: Sequence[str], values: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Collect the settings that the user gave: an option wins over `--set`, that over the file.

        Args:
            base: the configuration.
            config: a TOML file.
            assignments: texts such as `matching.lr=0.002`.
            values: of the options, by the names of their parameters; None where it was not given.

        Returns:
            Values by path.

        Raises:
            RecipeError: the file cannot be read or has what is no setting, or an assignment is none.
        """
        every = {path: values[option.removeprefix("--").replace("-", "_")] for path, option in self.of.items()}
        explicit = {path: value for path, value in every.items() if value is not None}
        return {**(_read(config, base) if config else {}), **parse_assignments(assignments), **explicit}

    def replaced(self, earlier: Mapping[str, str]) -> dict[str, str]:
        """Say of each earlier option that is gone which setting it was.

        Args:
            earlier: its name, such as `codec_step` -> the setting's path.
        """
        paths = {f"--{name.replace('_', '-')}": path for name, path in earlier.items()}
        return {option: f"give --set {path}=VALUE" for option, path in paths.items() if option not in self.of.values()}

    def _option(self, entry: Setting, option: str, kind: Any) -> Decorator:  # noqa: ANN401
        shown = "" if entry.value in (None, "") else f"  [{self.unset}: {entry.value}]"
        if entry.kind is bool:
            return click.option(option, is_flag=True, default=None, help=entry.about.text)
        return click.option(option, type=kind or _type(entry.kind), help=entry.about.text + shown)


COMPRESS_OPTIONS = SettingOptions(
    {
        "crops.ipc": "--ipc",
        "crops.hr_size": "--hr-size",
        "storage.target": "--target",
        "storage.codec": "--codec",
        "storage.licence": "--licence",
        "generator": "--generator",
        "inversion.steps": "--inversion-steps",
        "matching.iterations": "--iterations",
        "seed": "--seed",
        "crops.classes": "--classes",
        "crops.scores": "--scores",
        "crops.keep_above": "--keep-above",
        "crops.drop_duplicates": "--drop-duplicates",
        "crops.on_bad_image": "--on-bad-image",
    },
    unset="standard",
    lister="gsdd recipe",
)
TRAIN_OPTIONS = SettingOptions(
    {
        name: f"--{name}"
        for name in ("student", "size", "scale", "degradation", "crop", "iterations", "batch", "lr", "seed")
    },
    unset="default",
    lister="gsdd recipe training",
)


def _read(config: Path, base: object) -> dict[str, Any]:
    values = read_toml(config)
    try:
        with_settings(base, values)
    except RecipeError as error:
        raise RecipeError(f"{config}: {error}") from error
    return values


def _type(kind: Any) -> Any:  # noqa: ANN401
    """Find click's type for values of a type; a text is left to the configuration."""
    for each in (kind, *get_args(kind)):
        if get_origin(each) is Literal:
            return click.Choice(get_args(each))
    values = [each for each in get_args(kind) if each is not NoneType] or [kind]
    return values[0] if values in ([int], [float]) else str
