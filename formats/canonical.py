"""JSON that has exactly one spelling, so that two writers agree and a changed byte is seen."""

import json
import reprlib
from typing import Any

from gsdd.errors import FormatError

MAX_DEPTH = 32


def dumps(value: object) -> str:
    """Spell a JSON value: keys sorted, no spaces, ASCII only.

    Args:
        value: dicts with str keys, lists, str, int, finite float, bool, None.

    Returns:
        The one spelling.

    Raises:
        FormatError: the value holds what JSON cannot, such as NaN or an array.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"metadata is not plain JSON: {error}") from error


def loads(text: str) -> Any:  # noqa: ANN401
    """Parse JSON of unknown origin.

    Args:
        text: a JSON document.

    Returns:
        The value, nested at most `MAX_DEPTH` deep.

    Raises:
        FormatError: not JSON, a key that stands twice, NaN, nested too deep, or text that is no Unicode.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
        if _deeper_than(value, MAX_DEPTH):
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        # A lone surrogate survives in a Python str but cannot be printed or be a file name.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise FormatError(f"metadata is not valid JSON: {error}") from error
    return value


def quote(value: object) -> str:
    """Show a value from a file in a message: on one line, short, no control characters."""
    return reprlib.repr(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {quote(key)} occurs twice")
        result[key] = value
    return result


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _deeper_than(value: object, limit: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    children = value.values() if isinstance(value, dict) else value
    return limit == 0 or any(_deeper_than(child, limit - 1) for child in children)
