"""A file that is being fetched, whatever the protocol."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Body:
    """The bytes of a file elsewhere.

    Attributes:
        size: how many there are, as the server says; None if it does not.
        read: gives what has come since the last call, and waits for something; nothing is the end.
    """

    size: int | None
    read: Callable[[], bytes]
