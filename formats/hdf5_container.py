"""A .gsdd file as HDF5: a 512-byte user block with the digest of all that follows, then plain contiguous datasets.

libhdf5 passes over 3-6 % of one-byte changes and crashes on others, so it sees no byte before the digest holds.
"""

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import IO, Any

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
_CHUNK = 1 << 20
# Of HDF5's superblock: where its version stands and, by version, the address of the file's end.
_SUPERBLOCK, _VERSION_PLACE = 52, 8
_END_PLACES = {0: 40, 1: 44, 2: 28, 3: 28}


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


def head(file: IO[bytes], size: int) -> Document:
    """Read the manifest alone, once the digest of the whole file holds; FormatError as for `load`."""
    block, digest = file.read(BLOCK), hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    _check_block(block, size, digest.hexdigest())
    file.seek(BLOCK)
    _check_end(file.read(_SUPERBLOCK), size)
    file.seek(0)
    with _opened(file, size) as root:
        return _checked(root, size)


def declared(start: bytes) -> int | None:
    """Tell how many bytes a file has that begins so; see `Container`."""
    length = re.search(rb"\nlength (\d{1,19})\n", start[:BLOCK])
    if length is None and len(start) >= BLOCK:
        raise FormatError("the file is damaged: its first lines do not tell its length")
    return BLOCK + int(length[1]) if length else None


def load(data: bytes) -> tuple[Document, dict[str, np.ndarray]]:
    """Take a file apart; FormatError if the user block does not hold, or the HDF5 part is not as the format says."""
    _check_block(data[:BLOCK], len(data), hashlib.sha256(memoryview(data)[BLOCK:]).hexdigest())
    _check_end(data[BLOCK : BLOCK + _SUPERBLOCK], len(data))
    with _opened(io.BytesIO(data), len(data)) as root:
        document = _checked(root, len(data))
        return document, {name: _tensor(root, name) for name in document.tensors}


@contextmanager
def _opened(file: IO[bytes], size: int) -> Iterator[Any]:
    """Open the HDF5 part; what libhdf5 and h5py raise on hostile bytes, nearly anything, becomes a FormatError."""
    import h5py

    try:
        with h5py.File(file, "r") as root:
            yield root
    except FormatError:
        raise
    except Exception as error:
        raise FormatError(f"the HDF5 part cannot be read: {type(error).__name__}: {quote(str(error))}") from error


def _block(body: bytes | memoryview) -> bytes:
    return _block_of(len(body), hashlib.sha256(body).hexdigest())


def _block_of(length: int, digest: str) -> bytes:
    lines = (START + _VERSION, b"length %d" % length, b"sha256 " + digest.encode())
    return b"".join(line + b"\n" for line in lines).ljust(BLOCK, b"\0")


def _check_block(block: bytes, size: int, digest: str) -> None:
    version = re.match(re.escape(START) + rb"(\d{1,9})\n", block)
    if version and version[1] != _VERSION:
        raise FormatError(f"HDF5 container version {int(version[1])} is unknown to this gsdd: get a gsdd that reads it")
    if block != _block_of(size - BLOCK, digest):
        raise FormatError(f"the file is damaged: its {size} bytes are not those that its first {BLOCK} tell of")


def _checked(file: Any, size: int) -> Document:  # noqa: ANN401
    """Read the manifest; FormatError if the part holds or claims anything else than what that calls for."""
    document = parse(_text(file))
    names, wanted = sorted(file), sorted([DOCUMENT, *document.tensors])
    if names != wanted:
        raise FormatError(f"the HDF5 part holds {quote(names)}; wanted {quote(wanted)}")
    if len(file.attrs):
        raise FormatError(f"the HDF5 part has attributes, {quote(list(file.attrs))}; wanted none")
    layouts = {name: entry.layout for name, entry in document.tensors.items()}
    if sum(layout.nbytes for layout in layouts.values()) > size:
        raise FormatError(f"the HDF5 part claims more bytes of tensors than the {size} of the file")
    places = sorted(_place(file, name, layout) for name, layout in layouts.items())
    if any(start < end for (_, end), (start, _) in pairwise(places)):
        raise FormatError("two datasets of the HDF5 part share their bytes")
    return document


def _place(file: Any, name: str, layout: Layout) -> tuple[int, int]:  # noqa: ANN401
    """Give where the bytes of a tensor begin and end; FormatError if it is not stored as the format says."""
    dataset = _dataset(file, name)
    if dataset.dtype != DTYPES[layout.dtype] or dataset.shape != layout.shape:
        raise FormatError(f"the HDF5 dataset {name} is {dataset.dtype} {quote(dataset.shape)}; wanted {layout}")
    if not any(dataset.id.get_type().equal(each) for each in _types()[layout.dtype]):
        raise FormatError(f"the HDF5 dataset {name} is of another type than plain {layout.dtype}")
    _check_stored(dataset, name, layout.nbytes)
    start = dataset.id.get_offset()
    return start, start + layout.nbytes


def _types() -> dict[str, tuple[Any, ...]]:
    """Give the types of HDF5 that dtypes are: in numpy, enumerations and bit fields have the same dtypes."""
    from h5py import h5t

    return {
        "F32": (h5t.IEEE_F32LE,), "I32": (h5t.STD_I32LE,), "F16": (h5t.IEEE_F16LE,), "U8": (h5t.STD_U8LE, h5t.STD_U8BE)
    }  # fmt: skip


def _check_end(superblock: bytes, size: int) -> None:
    """Refuse bytes behind the end of the file that HDF5's superblock tells, of any of its versions."""
    place = _END_PLACES.get(superblock[_VERSION_PLACE] if len(superblock) == _SUPERBLOCK else -1)
    if place is None:
        raise FormatError("the HDF5 part cannot be read: it has no superblock of a known version")
    end = int.from_bytes(superblock[place : place + 8], "little")
    if end != size:
        raise FormatError(f"the HDF5 part ends after {end} bytes of the file, which has {size}")


def _text(file: Any) -> str:  # noqa: ANN401
    dataset = _dataset(file, DOCUMENT)
    length = dataset.dtype.itemsize
    if dataset.dtype.kind != "S" or dataset.shape != () or length > MAX_TEXT:
        raise FormatError(f"the HDF5 dataset {DOCUMENT} is not text of at most {MAX_TEXT} bytes")
    _check_stored(dataset, DOCUMENT, length)
    return bytes(dataset[()]).decode("ascii")


def _tensor(file: Any, name: str) -> np.ndarray:  # noqa: ANN401
    array: np.ndarray = file[name][()]
    return array


def _dataset(file: Any, name: str) -> Any:  # noqa: ANN401
    """Open a dataset whose bytes lie in this file: links and external storage could name any file of the machine."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise FormatError(f"the HDF5 part has no dataset {name} of its own")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.chunks or dataset.external or dataset.is_virtual:
        raise FormatError(f"the HDF5 object {name} is not a plain contiguous dataset")
    if dataset.id.get_create_plist().get_layout() != h5py.h5d.CONTIGUOUS or len(dataset.attrs):
        raise FormatError(f"the HDF5 object {name} is not a plain contiguous dataset, or has attributes")
    return dataset


def _check_stored(dataset: Any, name: str, nbytes: int) -> None:  # noqa: ANN401
    """Refuse a dataset that claims more than it stores: reading it would allocate what it claims."""
    if dataset.id.get_storage_size() != nbytes:
        raise FormatError(f"the HDF5 dataset {name} stores {dataset.id.get_storage_size()} bytes; it claims {nbytes}")
