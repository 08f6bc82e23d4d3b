"""MATLAB's .mat files of version 5, inflated up to a bound: scipy inflates whatever an element claims.

Source: MathWorks, "MAT-File Format", level 5.
"""

import struct
import zlib

HEADER = 128
COMPRESSED = 15
# Beside twice the bytes of the file.
ROOM = 64 << 20
_ORDERS = {b"IM": "<", b"MI": ">"}


def inflated(data: bytes) -> bytes:
    """Write a file anew without compression.

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
