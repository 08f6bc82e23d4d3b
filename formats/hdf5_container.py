"""A .gsdd file as HDF5: a 512-byte user block with the digest of all that follows, then plain contiguous datasets.

libhdf5 passes over 3-6 % of one-byte changes and crashes on others, so it sees no byte before the digest holds.
"""

import hashlib
import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gsdd.errors import FormatError
from gsdd.formats.canonical import quote
from gsdd.formats.document import MAX_TEXT, Document, parse
from gsdd.formats.tensors import DTYPES, Layout

START = b"gsdd-hdf5 "
DOCUMENT = "gsdd"
BLOCK = 512
_VERSION = b"1"
# A fixed pair of bounds, so that a newer libhdf5 writes the same bytes and HDF5 1.10 still reads them.
_LIBVER = ("v110", "v110")


def dump(document: Document, tensors: Mapping[str, np.ndarray]) -> list[bytes | memoryview]:
    """Lay out a file, user block and body; see `Container`."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=_LIBVER, userblock_size=BLOCK) as file:
        file.create_dataset(DOCUMENT, data=np.bytes_(document.text.encode("ascii")), track_times=False)
        for name in sorted(document.tensors):
            file.create_dataset(name, data=tensors[name], track_times=False)
    body = buffer.getbuffer()[BLOCK:]
    return [_block(body), body]


def load(data: bytes) -> tuple[Document, dict[str, np.ndarray]]:
    """Take a file apart; FormatError if the user block does not hold, or the HDF5 part is not as the format says."""
    _check_block(data)
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            return _read(file, len(data))
    except FormatError:
        raise
    except Exception as error:  # libhdf5 and h5py raise nearly anything on hostile bytes
        raise FormatError(f"the HDF5 part cannot be read: {type(error).__name__}: {quote(str(error))}") from error


def _block(body: bytes | memoryview) -> bytes:
    lines = (
        START + _VERSION,
        b"length %d" % len(body),
        b"sha256 " + hashlib.sha256(body).hexdigest().encode(),
    )
    return b"".join(line + b"\n" for line in lines).ljust(BLOCK, b"\0")


def _check_block(data: bytes) -> None:
    version = re.match(re.escape(START) + rb"(\d{1,9})\n", data)
    if version and version[1] != _VERSION:
        raise FormatError(f"HDF5 container version {int(version[1])} is unknown to this gsdd: get a gsdd that reads it")
    if data[:BLOCK] != _block(memoryview(data)[BLOCK:]):
        raise FormatError(f"the file is damaged: its {len(data)} bytes are not those that its first {BLOCK} tell of")


def _read(file: Any, size: int) -> tuple[Document, dict[str, np.ndarray]]:  # noqa: ANN401
    document = parse(_text(file))
    names, wanted = sorted(file), sorted([DOCUMENT, *document.tensors])
    if names != wanted:
        raise FormatError(f"the HDF5 part holds {quote(names)}; wanted {quote(wanted)}")
    layouts = {name: entry.layout for name, entry in document.tensors.items()}
    return document, {name: _tensor(file, name, layout, size) for name, layout in layouts.items()}


def _text(file: Any) -> str:  # noqa: ANN401
    dataset = _dataset(file, DOCUMENT)
    length = dataset.dtype.itemsize
    if dataset.dtype.kind != "S" or dataset.shape != () or length > MAX_TEXT:
        raise FormatError(f"the HDF5 dataset {DOCUMENT} is no text of at most {MAX_TEXT} bytes")
    _check_stored(dataset, DOCUMENT, length)
    return bytes(dataset[()]).decode("ascii")


def _tensor(file: Any, name: str, layout: Layout, size: int) -> np.ndarray:  # noqa: ANN401
    dataset = _dataset(file, name)
    if dataset.dtype != DTYPES[layout.dtype] or dataset.shape != layout.shape or layout.nbytes > size:
        raise FormatError(f"the HDF5 dataset {name} is {dataset.dtype} {quote(dataset.shape)}; wanted {layout}")
    _check_stored(dataset, name, layout.nbytes)
    array: np.ndarray = dataset[()]
    return array


def _dataset(file: Any, name: str) -> Any:  # noqa: ANN401
    """Open a dataset whose bytes lie in this file: links and external storage could name any file of the machine."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise FormatError(f"the HDF5 part has no dataset {name} of its own")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.chunks or dataset.external or dataset.is_virtual:
        raise FormatError(f"the HDF5 object {name} is not a plain contiguous dataset")
    return dataset


def _check_stored(dataset: Any, name: str, nbytes: int) -> None:  # noqa: ANN401
    """Refuse a dataset that claims more than it stores: reading it would allocate what it claims."""
    if dataset.id.get_storage_size() != nbytes:
        raise FormatError(f"the HDF5 dataset {name} stores {dataset.id.get_storage_size()} bytes; it claims {nbytes}")
