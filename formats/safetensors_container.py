"""A .gsdd file as safetensors: u64 header length, JSON header, tensors back to back.

The header follows from the manifest alone, to the byte. The reader renders it anew and compares, which leaves no room
for holes, overlaps, extra tensors or hidden metadata; only then does the safetensors library see the bytes.
"""

from collections.abc import Mapping

import numpy as np
import safetensors.numpy

from gsdd.errors import FormatError
from gsdd.formats.canonical import loads
from gsdd.formats.document import MAX_TEXT, Document, parse
from gsdd.formats.safetensors_header import Placed, render
from gsdd.formats.tensors import DTYPES, TensorEntry

KEY = "gsdd"
START = b'{"__metadata__":{"gsdd":"'
# Escaping doubles the manifest's text at most; the rest is a line a tensor.
MAX_HEADER = 4 * MAX_TEXT
_LENGTH = 8


def dump(document: Document, tensors: Mapping[str, np.ndarray]) -> list[bytes | memoryview]:
    """Lay out a file: as `safetensors.numpy.save` of any version does, without copying the tensors; see `Container`."""
    header = _header(document)
    payload = [tensors[name].ravel().data.cast("B") for name in _order(document.tensors)]
    return [len(header).to_bytes(_LENGTH, "little"), header, *payload]


def load(data: bytes) -> tuple[Document, dict[str, np.ndarray]]:
    """Take a file apart; FormatError if its header is damaged, or does not account for every byte."""
    header = _cut_header(data)
    document = parse(_text(header))
    if header != _header(document):
        raise FormatError("the safetensors header is not the one that its manifest calls for")
    wanted = _LENGTH + len(header) + sum(entry.layout.nbytes for entry in document.tensors.values())
    if len(data) != wanted:
        raise FormatError(f"the file has {len(data)} bytes; its header accounts for {wanted}")
    try:
        return document, safetensors.numpy.load(data)
    except safetensors.SafetensorError as error:
        raise FormatError(f"safetensors refuses the file: {error}") from error


def _cut_header(data: bytes) -> bytes:
    length = int.from_bytes(data[:_LENGTH], "little")
    if length > MAX_HEADER:
        raise FormatError(f"the safetensors header claims {length} bytes; at most {MAX_HEADER} are allowed")
    if _LENGTH + length > len(data):
        raise FormatError(f"the file has {len(data)} bytes; its header alone claims {length}: it is cut off")
    return data[_LENGTH : _LENGTH + length]


def _text(header: bytes) -> str:
    try:
        fields = loads(header.decode("ascii"))
    except UnicodeDecodeError as error:
        raise FormatError(f"the safetensors header is not ASCII: {error.reason} at byte {error.start}") from error
    metadata = fields.get("__metadata__") if isinstance(fields, dict) else None
    text = metadata.get(KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise FormatError(f"the safetensors header has no text under __metadata__.{KEY}")
    return text


def _order(tensors: Mapping[str, TensorEntry]) -> list[str]:
    ranks = {dtype: rank for rank, dtype in enumerate(DTYPES)}
    return sorted(tensors, key=lambda name: (ranks[tensors[name].layout.dtype], name))


def _header(document: Document) -> bytes:
    layouts = ((name, document.tensors[name].layout) for name in _order(document.tensors))
    return render(KEY, document.text, (Placed(name, each.dtype, each.shape, each.nbytes) for name, each in layouts))
