"""Declare a recipe's fields with their help text and range, and check values against the declaration."""

import math
from dataclasses import Field, field, fields
from typing import TYPE_CHECKING, Any, get_args

from gsdd.errors import RecipeError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def option(default: Any, text: str, least: float | None = None, most: float | None = None) -> Any:  # noqa: ANN401
    """Declare a field together with its help text and range: the command line is made from these.

    Args:
        default: the value where none is given.
        text: what `--help` says.
        least: the smallest sound value; None where there is none.
        most: the largest; None where there is none.

    Returns:
        A dataclass field.
    """
    return field(default=default, metadata={"help": text, "least": least, "most": most})


def check_options(recipe: "DataclassInstance") -> None:
    """Refuse a recipe whose values are not of their fields' types or lie outside their ranges.

    Args:
        recipe: a dataclass whose fields were all declared by `option`.

    Raises:
        RecipeError: the first value that is not sound.
    """
    for entry in fields(recipe):
        _check_value(entry, getattr(recipe, entry.name))


def _check_value(entry: "Field[Any]", value: Any) -> None:  # noqa: ANN401
    least, most = entry.metadata["least"], entry.metadata["most"]
    in_range = _has_type(entry.type, value) and (least is None or value >= least) and (most is None or value <= most)
    if not in_range:
        choices = get_args(entry.type)
        wanted = f"one of {choices}" if choices else getattr(entry.type, "__name__", str(entry.type))
        wanted += f" of at least {least}" * (least is not None) + f" and at most {most}" * (most is not None)
        raise RecipeError(f"recipe: {entry.name}: got {value!r}, wanted {wanted}")


def _has_type(wanted: Any, value: Any) -> bool:  # noqa: ANN401
    if choices := get_args(wanted):
        return value in choices
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, wanted) and not isinstance(value, bool)
