"""Configuration as frozen dataclasses whose values are checked, whose groups nest, and whose names are found by path.

A field is declared as `steps: Annotated[int, About("Adam steps.", least=0)] = 200`: type, help text, range and default
in one place, from which the checks, the command line and the documentation are made.
"""

import difflib
import functools
import json
import math
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from gsdd.errors import RecipeError
from gsdd.formats.opening import read_whole

# Of a TOML file.
MOST_BYTES = 1 << 20
# Of whole numbers, and of those in the place of others: torch takes no larger ones.
LARGEST = (1 << 63) - 1

Group = TypeVar("Group")


class About(NamedTuple):
    """What a field is for, and which values are sound.

    Attributes:
        text: one sentence for the user.
        least: the smallest sound value; None where there is none.
        most: the largest; None where there is none.
        read: turns a user's text into a value, where it is no plain number, text or truth value.
    """

    text: str
    least: float | None = None
    most: float | None = None
    read: Callable[[str], Any] | None = None


class Setting(NamedTuple):
    """A field, found in its group.

    Attributes:
        path: such as `matching.lr`.
        kind: its type, without the annotation.
        about: what it is for.
        value: what it is set to.
    """

    path: str
    kind: Any
    about: About
    value: Any


@dataclass_transform(frozen_default=True, kw_only_default=True)
def configuration(cls: type[Group]) -> type[Group]:
    """Make a class a frozen dataclass of keyword arguments that are checked; `check`, if it has one, is called last.

    Instantiating it raises RecipeError for an unknown name, telling the nearest right one, and for a value of another
    type or out of range.
    """
    made = dataclass(frozen=True, kw_only=True)(cls)
    build = made.__init__

    @functools.wraps(build)
    def checked(self: Group, **values: Any) -> None:  # noqa: ANN401
        _check_names(values, _names(type(self)), type(self).__name__)
        build(self, **values)
        for entry in _own_settings(self):
            _check_value(entry, type(self).__name__)
        getattr(self, "check", lambda: None)()

    made.__init__ = checked  # type: ignore[assignment, method-assign]
    return made


def settings(group: object) -> Iterator[Setting]:
    """List every field of a configuration, those of its groups by path, in the order of declaration."""
    for entry in _own_settings(group):
        if is_dataclass(entry.value):
            yield from (inner._replace(path=f"{entry.path}.{inner.path}") for inner in settings(entry.value))
        else:
            yield entry


def with_settings(group: Group, values: Mapping[str, Any]) -> Group:
    """Change some fields, named by path.

    Args:
        group: the configuration.
        values: by path, such as {"matching.lr": 0.002}; a text where the field is none is read as its type.

    Returns:
        A new configuration.

    Raises:
        RecipeError: an unknown path, with the nearest right one, or a value that is not sound.
    """
    known = {entry.path: entry for entry in settings(group)}
    _check_names(values, known, type(group).__name__)
    nested: dict[str, dict[str, Any]] = {}
    own: dict[str, Any] = {}
    for path, value in values.items():
        inside, _, name = path.partition(".")
        typed = _read(value, known[path])
        if name:
            nested.setdefault(inside, {})[name] = typed
        else:
            own[inside] = typed
    changed = {inside: with_settings(getattr(group, inside), given) for inside, given in nested.items()}
    return replace(group, **own, **changed)  # type: ignore[type-var]


def parse_assignments(texts: Iterable[str]) -> dict[str, str]:
    """Read settings as a user writes them, such as `matching.lr=0.002`.

    Raises:
        RecipeError: a text without `=`.
    """
    given = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals:
            raise RecipeError(f"setting {text!r}: wanted NAME=VALUE, such as matching.lr=0.002")
        given[path.strip()] = value.strip()
    return given


def read_toml(path: Path) -> dict[str, Any]:
    """Read settings of a configuration from a TOML file, as values by path; raises as `load_toml` does."""
    return dict(_flattened(load_toml(path)))


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        RecipeError: the file cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(read_whole(path, MOST_BYTES).decode())
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecipeError(f"{path}: is no TOML: {error}") from error


def to_toml(group: object) -> str:
    """Write a configuration as TOML, each field with its help text; those that are None as comments."""
    lines = []
    for entry in sorted(settings(group), key=lambda entry: "." in entry.path):
        inside, _, name = entry.path.rpartition(".")
        if inside and f"\n[{inside}]" not in lines:
            lines.append(f"\n[{inside}]")
        assignment = f"# {name} =" if entry.value is None else f"{name} = {_toml_value(entry.value)}"
        lines.append(f"{assignment:<32} # {entry.about.text}")
    return "\n".join(lines) + "\n"


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant: "; did you mean 'lr'?", or nothing."""
    every = list(known)
    close = [each for each in every if each.endswith(f".{name}")] or difflib.get_close_matches(name, every, 1, 0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _own_settings(group: object) -> Iterator[Setting]:
    hints = get_type_hints(type(group), include_extras=True)
    for entry in fields(group):  # type: ignore[arg-type]
        kind, about = (
            (*get_args(hints[entry.name]), About(""))[:2] if _is_told(hints[entry.name]) else (None, About(""))
        )
        yield Setting(entry.name, kind, about, getattr(group, entry.name))


def _is_told(hint: Any) -> bool:  # noqa: ANN401
    return get_origin(hint) is Annotated


def _names(cls: type) -> list[str]:
    return [entry.name for entry in fields(cls)]


def _check_names(given: Iterable[str], known: Iterable[str], owner: str) -> None:
    every = list(known)
    for name in given:
        if name not in every:
            raise RecipeError(f"{owner}: has no {name!r}{nearest(name, every)}")


def _check_value(entry: Setting, owner: str) -> None:
    about, value = entry.about, entry.value
    numbers = isinstance(value, int | float) and not isinstance(value, bool)
    in_range = not numbers or (
        (about.least is None or value >= about.least) and (about.most is None or value <= about.most)
    )
    if entry.kind is not None and not (_has_type(entry.kind, value) and in_range):
        raise RecipeError(f"`{owner}.{entry.path}`: got {value!r}, wanted {_wanted(entry)}")


def _wanted(entry: Setting) -> str:
    bounds = [f"{word} {bound}" for word, bound in (("at least", entry.about.least), ("at most", entry.about.most))
              if bound is not None]  # fmt: skip
    return f"{_told(entry.kind)}{' of ' if bounds else ''}{' and '.join(bounds)}"


def _told(kind: Any) -> str:  # noqa: ANN401
    """Say in words which values a type has."""
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(repr, get_args(kind)))}"
    if get_origin(kind) is Mapping:
        return "values by name"
    if get_origin(kind) is tuple:
        return f"a list, each of it {_told(get_args(kind)[0])}"
    if get_args(kind):
        return " or ".join(_told(each) for each in get_args(kind) if each is not NoneType)
    return {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}[kind]


def _has_type(kind: Any, value: Any) -> bool:  # noqa: ANN401
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value in parts
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_has_type(parts[1], each) for each in value.values())
    if origin is tuple:
        return isinstance(value, tuple) and all(_has_type(parts[0], each) for each in value)
    if parts:
        return any(_has_type(part, value) for part in parts)
    if kind in (int, float) and isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= LARGEST
    if kind is float:
        return isinstance(value, float) and math.isfinite(value)
    return isinstance(value, kind)


def _read(value: Any, entry: Setting) -> Any:  # noqa: ANN401
    """Turn a text from a command line into what the field holds; anything else is left as it is."""
    if not isinstance(value, str) or _has_type(entry.kind, value):
        return value
    if entry.about.read:
        return entry.about.read(value)
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    for kind in (int, float):
        with suppress(ValueError):
            return kind(value)
    return value


def _flattened(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give the values of a file by path; its tables are groups, and tables in these are values."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value


def _toml_value(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{json.dumps(name)} = {_toml_value(each)}' for name, each in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)
