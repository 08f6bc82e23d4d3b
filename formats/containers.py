"""The containers by name, and by the first bytes of a file: ways to lay out its bytes. Each is a module of its own."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import IO, Protocol

import numpy as np

from gsdd.errors import FormatError, RecipeError
from gsdd.formats import deflated_container, hdf5_container, safetensors_container
from gsdd.formats.document import Document
from gsdd.formats.opening import not_the_file

# Bytes of a file that `recognise` looks at.
HEAD = 64
# The index of shards, which gsdd 0.1.0 wrote.
_SHARDS = b'{"bytes":['


class Container(Protocol):
    """What the module of a container does."""

    def dump(self, document: Document, tensors: Mapping[str, np.ndarray]) -> list[bytes | memoryview]:
        """Lay out a file.

        Args:
            document: the manifest and its table.
            tensors: the tensors of that table.

        Returns:
            Piece after piece, the same bytes for the same input.

        Raises:
            RecipeError: a file that this container does not take.
        """

    def head(self, file: IO[bytes], size: int) -> Document:
        """Read the manifest alone.

        Args:
            file: of unknown origin, at its start.
            size: its bytes.

        Returns:
            The document; bytes of tensors are not looked at, but for HDF5, which digests all that libhdf5 sees.

        Raises:
            FormatError: it is not laid out as the format says, or has another size than it calls for.
        """

    def declared(self, start: bytes) -> int | None:
        """Tell how many bytes a file has that begins so, at most; None until enough of it is there, or FormatError."""

    def load(self, data: bytes) -> tuple[Document, dict[str, np.ndarray]]:
        """Take a file apart.

        Args:
            data: all bytes of a file of unknown origin.

        Returns:
            The document, and tensors whose digests are still to be checked.

        Raises:
            FormatError: it is not laid out as the format says.
        """


CONTAINERS: Mapping[str, Container] = MappingProxyType(
    {"safetensors": safetensors_container, "hdf5": hdf5_container, "deflated": deflated_container}
)


def find_container(name: str) -> Container:
    """Look a container up; RecipeError names those that there are."""
    if name not in CONTAINERS:
        raise RecipeError(f"container {name!r}; known are {', '.join(CONTAINERS)}")
    return CONTAINERS[name]


def recognise(head: bytes) -> str:
    """Tell the container of a file by its first bytes; FormatError where there is none."""
    if reason := not_the_file(head):
        raise FormatError(reason)
    if head.startswith(hdf5_container.START):
        return "hdf5"
    if head[8:].startswith(safetensors_container.START):
        return "safetensors"
    if head.startswith(deflated_container.START):
        return "deflated"
    if head.startswith(_SHARDS):
        raise FormatError("an index of shards is no longer read; gsdd 0.1.0 was the last version that reads it")
    raise FormatError("is not a .gsdd file: it does not start like any of gsdd's containers")


def most_bytes(start: bytes) -> int | None:
    """Tell how many bytes a file has that begins so, at most.

    Args:
        start: of a file of unknown origin, as far as it has come.

    Returns:
        The number; None until enough of it is there.

    Raises:
        FormatError: no container begins so.
    """
    return CONTAINERS[recognise(start[:HEAD])].declared(start) if len(start) >= HEAD else None
