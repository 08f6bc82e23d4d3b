"""Whole classes dealt to runs that know nothing of each other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gsdd.errors import RecipeError


@dataclass(frozen=True)
class Part:
    """One of the parts that a source is dealt into.

    Attributes:
        number: which one, from 1.
        of: how many there are.

    Raises:
        RecipeError: there is no such part.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        """Refuse what is no part."""
        if not 1 <= self.number <= self.of:
            raise RecipeError(f"part: got {self}, wanted i/n with i from 1 to n, such as 1/3")

    def __str__(self) -> str:
        """Write it as a user does."""
        return f"{self.number}/{self.of}"


def parse_part(text: str) -> Part:
    """Read a part as a user writes it.

    Args:
        text: such as `1/3`.

    Returns:
        The part.

    Raises:
        RecipeError: not two whole numbers, or there is no such part.
    """
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip())
    if not match:
        raise RecipeError(f"part: got {text!r}, wanted i/n with i from 1 to n, such as 1/3")
    return Part(int(match[1]), int(match[2]))


def deal_classes(counts: Sequence[int], parts: int) -> tuple[tuple[int, ...], ...]:
    """Deal whole classes out, the largest first, each to the part that has the fewest latents.

    Args:
        counts: latents of each class, all at least 1.
        parts: how many parts, at least 1.

    Returns:
        The numbers of each part's classes, in ascending order; they depend on nothing but the arguments.

    Raises:
        RecipeError: more parts than classes.

    Source: longest processing time first, Graham, SIAM J. Appl. Math. 1969.
    """
    if parts > len(counts):
        raise RecipeError(
            f"part: got {parts} parts for {len(counts)} classes, and a class is not divided; "
            f"wanted at most {len(counts)} parts"
        )
    dealt: list[list[int]] = [[] for _ in range(parts)]
    latents = [0] * parts
    for index in sorted(range(len(counts)), key=lambda index: -counts[index]):
        least = latents.index(min(latents))
        dealt[least].append(index)
        latents[least] += counts[index]
    return tuple(tuple(sorted(classes)) for classes in dealt)
