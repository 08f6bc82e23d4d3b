"""Dataclasses of tensors and numbers as one level of names, and back."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, get_args, get_type_hints

from torch import Tensor

Leaf = Tensor | int | float | str


def flatten(value: object, name: str) -> dict[str, Leaf]:
    """Take a dataclass apart.

    Args:
        value: a dataclass whose fields are tensors, numbers, texts, further such dataclasses, or None.
        name: of the whole; a field's name is put behind it and a dot.

    Returns:
        Every leaf by its name; what is None is left out.
    """
    return dict(_leaves(value, name))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Leaf]]:  # noqa: ANN401
    if is_dataclass(value):
        for field in fields(value):
            yield from _leaves(getattr(value, field.name), f"{name}.{field.name}")
    elif value is not None:
        yield name, value


def unflatten(kind: Any, leaves: Mapping[str, Leaf], name: str) -> Any:  # noqa: ANN401
    """Put a dataclass together.

    Args:
        kind: the dataclass, or a type of one of its fields such as `Tensor` or `Inverted | None`.
        leaves: from `flatten`; there may be more.
        name: given to `flatten`.

    Returns:
        Exactly what was taken apart.

    Raises:
        LookupError: a leaf is missing.
    """
    if name in leaves:
        return leaves[name]
    kinds = get_args(kind) or (kind,)
    if NoneType in kinds and not any(leaf.startswith(f"{name}.") for leaf in leaves):
        return None
    for found in kinds:
        if isinstance(found, type) and is_dataclass(found):
            hints, names = get_type_hints(found), [field.name for field in fields(found)]
            return found(**{part: unflatten(hints[part], leaves, f"{name}.{part}") for part in names})
    raise LookupError(name)
