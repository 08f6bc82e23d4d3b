"""A .gsdd file as safetensors: u64 header length, JSON header, tensors back to back.

The header follows from the manifest alone, to the byte. The reader renders it anew and compares, which leaves no room
for holes, overlaps, extra tensors or hidden metadata; only then does the safetensors library see the bytes.
"""

import io
from collections.abc import Mapping
from typing import IO

import numpy as np
import safetensors.numpy

from gsdd.errors import FormatError
from gsdd.formats.document import MAX_TEXT, Document, parse
from gsdd.formats.safetensors_header import LENGTH, Placed, read_header, render, text_of
from gsdd.formats.tensors import DTYPES, TensorEntry

KEY = "gsdd"
START = b'{"__metadata__":{"gsdd":"'
# Escaping doubles the manifest's text at most; the rest is a line a tensor.
MAX_HEADER = 4 * MAX_TEXT


def dump(document: Document, tensors: Mapping[str, np.ndarray]) -> list[bytes | memoryview]:
    """Lay out a file: as `safetensors.numpy.save` of any version does, without copying the tensors; see `Container`."""
    header = _header(document)
    payload = [tensors[name].ravel().data.cast("B") for name in _order(document.tensors)]
    return [len(header).to_bytes(LENGTH, "little"), header, *payload]


def head(file: IO[bytes], size: int) -> Document:
    """Read the manifest alone; FormatError if the header is damaged, or does not account for every byte."""
    document, wanted = _parsed(read_header(file, size, MAX_HEADER))
    if size != wanted:
        raise FormatError(f"the file has {size} bytes; its header accounts for {wanted}")
    return document


def declared(start: bytes) -> int | None:
    """Tell how many bytes a file has that begins so; see `Container`."""
    length = int.from_bytes(start[:LENGTH], "little")
    if length <= MAX_HEADER and len(start) < LENGTH + length:
        return None
    return _parsed(read_header(io.BytesIO(start), len(start), MAX_HEADER))[1]


def load(data: bytes) -> tuple[Document, dict[str, np.ndarray]]:
    """Take a file apart; FormatError as for `head`."""
    document = head(io.BytesIO(data), len(data))
    try:
        return document, safetensors.numpy.load(data)
    except safetensors.SafetensorError as error:
        raise FormatError(f"safetensors refuses the file: {error}") from error


def _parsed(header: bytes) -> tuple[Document, int]:
    """Give what a header says, and the bytes of the whole file that it accounts for."""
    text = text_of(header, KEY)
    if text is None:
        raise FormatError(f"the safetensors header has no text under __metadata__.{KEY}")
    document = parse(text)
    if header != _header(document):
        raise FormatError("the safetensors header is not the one that its manifest calls for")
    return document, LENGTH + len(header) + sum(entry.layout.nbytes for entry in document.tensors.values())


def _order(tensors: Mapping[str, TensorEntry]) -> list[str]:
    ranks = {dtype: rank for rank, dtype in enumerate(DTYPES)}
    return sorted(tensors, key=lambda name: (ranks[tensors[name].layout.dtype], name))


def _header(document: Document) -> bytes:
    layouts = ((name, document.tensors[name].layout) for name in _order(document.tensors))
    return render(KEY, document.text, (Placed(name, each.dtype, each.shape, each.nbytes) for name, each in layouts))
