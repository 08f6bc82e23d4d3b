"""What the manifest says of a tensor: dtype, shape, digest."""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from gsdd.errors import FormatError
from gsdd.formats.canonical import quote

# In the order in which safetensors lays tensors out. All are little-endian.
DTYPES: Mapping[str, np.dtype] = MappingProxyType(
    {"F32": np.dtype("<f4"), "I32": np.dtype("<i4"), "F16": np.dtype("<f2"), "U8": np.dtype("u1")}
)
MAX_INTEGER = 2**53 - 1
# A size that the manifest does not call for: the table of tensors alone tells it.
FREE = -1
_NAME = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RESERVED = "gsdd"
_MAX_RANK = 8


@dataclass(frozen=True)
class Layout:
    """dtype (a name of `DTYPES`) and shape of a tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor; exact for any shape, however hostile."""
        return math.prod(self.shape) * DTYPES[self.dtype].itemsize

    def admits(self, other: "Layout") -> bool:
        """Tell whether another layout is this one, with any number where this one is free."""
        sizes = zip(self.shape, other.shape, strict=False)
        same = len(self.shape) == len(other.shape) and all(mine in (FREE, theirs) for mine, theirs in sizes)
        return same and self.dtype == other.dtype

    def filled(self, size: int) -> "Layout":
        """Put a number where the layout is free."""
        return Layout(self.dtype, tuple(size if each == FREE else each for each in self.shape))

    def __str__(self) -> str:
        return f"{self.dtype} {quote(list(self.shape))}".replace(str(FREE), "any")


@dataclass(frozen=True)
class TensorEntry:
    """One line of the manifest's table of tensors."""

    layout: Layout
    sha256: str

    def to_json(self) -> dict[str, object]:
        """Give the entry as it stands in the manifest."""
        return {"dtype": self.layout.dtype, "shape": list(self.layout.shape), "sha256": self.sha256}


def describe(array: np.ndarray) -> TensorEntry:
    """Describe an array as it will be stored.

    Args:
        array: any shape, one of the dtypes of `DTYPES`.

    Returns:
        Its dtype, shape and the sha256 of its little-endian bytes in C order.

    Raises:
        FormatError: the format has no such dtype.
    """
    for name, dtype in DTYPES.items():
        if array.dtype == dtype:
            return TensorEntry(Layout(name, array.shape), hashlib.sha256(array.ravel().data).hexdigest())
    raise FormatError(f"an array is {array.dtype}; a .gsdd file stores {', '.join(map(str, DTYPES.values()))}")


def parse_entry(name: str, value: object) -> TensorEntry:
    """Read one entry of the table of tensors.

    Args:
        name: the tensor's name.
        value: parsed JSON of unknown origin.

    Returns:
        The entry; its shape is not yet compared with anything.

    Raises:
        FormatError: not an entry that the format allows.
    """
    if not _NAME.fullmatch(name) or name == _RESERVED:
        raise FormatError(f"{quote(name)} is not a name that a tensor may have")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "sha256"}:
        raise FormatError(f"tensor {name}: got {quote(value)}; wanted dtype, shape and sha256")
    if not isinstance(value["dtype"], str) or value["dtype"] not in DTYPES:
        raise FormatError(f"tensor {name}: dtype {quote(value['dtype'])}; known are {', '.join(DTYPES)}")
    if not is_sha256(value["sha256"]):
        raise FormatError(f"tensor {name}: sha256 {quote(value['sha256'])} is not 64 hexadecimal digits")
    return TensorEntry(Layout(value["dtype"], _shape(name, value["shape"])), value["sha256"])


def is_sha256(value: object) -> bool:
    """Tell whether a value is a sha256 in lower-case hexadecimal."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def check_tensor(name: str, array: np.ndarray, entry: TensorEntry) -> None:
    """Compare a tensor that was read with what the manifest says of it.

    Raises:
        FormatError: another dtype, shape or digest.
    """
    got = describe(array)
    if got.layout != entry.layout:
        raise FormatError(f"tensor {name}: is {got.layout}; the manifest says {entry.layout}")
    if got.sha256 != entry.sha256:
        raise FormatError(f"tensor {name}: is damaged: its sha256 is {got.sha256}, not {entry.sha256}")


def _shape(name: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= _MAX_RANK:
        raise FormatError(f"tensor {name}: shape {quote(value)}; wanted 1 to {_MAX_RANK} sizes")
    if any(type(size) is not int or not 1 <= size <= MAX_INTEGER for size in value):
        raise FormatError(f"tensor {name}: shape {quote(value)}; wanted whole numbers from 1")
    return tuple(value)
