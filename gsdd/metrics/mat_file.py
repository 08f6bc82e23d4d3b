"""MATLAB's .mat files of version 5, read by scipy in bounds.

Source: MathWorks, "MAT-File Format", level 5.
"""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gsdd.metrics import mat_process

HEADER = 128
COMPRESSED = 15
# Beside twice the bytes of the file.
ROOM = 64 << 20
_ORDERS = {b"IM": "<", b"MI": ">"}
_SECONDS = 60


def model_arrays(data: bytes) -> dict[str, npt.NDArray[np.generic]]:
    """Read the struct `model`, in a process of its own: damaged files can end scipy's reader, and whose process it is.

    Args:
        data: all bytes of a file of unknown origin.

    Returns:
        Its arrays, by names such as `rf.0.upper`.

    Raises:
        ValueError: it inflates to many times its bytes, or scipy cannot read it.
    """
    words = [sys.executable, "-I", str(Path(mat_process.__file__))]
    try:
        done = subprocess.run(words, input=inflated(data), capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"scipy took more than {_SECONDS} s") from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        raise ValueError(lines[-1] if lines else f"scipy's reader ended with {done.returncode}")
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as arrays:
        return dict(arrays)


def inflated(data: bytes) -> bytes:
    """Write a file anew without compression: scipy inflates whatever an element claims.

    Args:
        data: all bytes of a file of unknown origin.

    Returns:
        The same elements, none of them compressed; what is no file of version 5, as it is.

    Raises:
        ValueError: its elements inflate to more than twice its bytes and `ROOM`.
    """
    order = _ORDERS.get(data[HEADER - 2 : HEADER])
    if order is None:
        return data
    parts, place, left = [data[:HEADER]], HEADER, 2 * len(data) + ROOM
    while place + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, place)
        end = place + 8 + (size if kind == COMPRESSED else size + -size % 8)
        part = data[place:end]
        if kind == COMPRESSED:
            part = zlib.decompressobj().decompress(part[8:], left + 1)
        left -= len(part)
        if left < 0:
            raise ValueError("it inflates to many times its bytes")
        parts.append(part)
        place = end
    return b"".join(parts)
