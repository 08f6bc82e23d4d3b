"""Damage that knows what it damages: bytes, JSON, headers, directories, chunks and tags, with digests computed anew."""

import copy
import functools
import io
import json
import operator
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from mutations import VALUES

Random = np.random.Generator
Damage = Callable[[bytes, Random], bytes]


def plain_damage(data: bytes, draw: Random) -> bytes:
    """Bytes changed, cut off, repeated or added."""
    changed = bytearray(data)
    for place in draw.integers(0, len(data), draw.integers(1, 9)):
        changed[place] = (0, 255, 127, draw.integers(256))[draw.integers(4)]
    cut = int(draw.integers(0, len(data)))
    how = draw.integers(5)
    return bytes(changed) if how < 3 else bytes(changed[:cut]) if how == 3 else data[:cut] + data[cut // 2 :]


def any_value(draw: Random) -> Any:
    return copy.deepcopy(VALUES[draw.integers(len(VALUES))])


def with_other_values(document: Any, draw: Random) -> Any:
    """JSON of which some values, at any depth, are others, are gone, or are new."""
    document = copy.deepcopy(document)
    for _ in range(int(draw.integers(1, 4))):
        places = list(_places(document))
        if not places:
            return any_value(draw)
        *way, last = places[draw.integers(len(places))]
        parent = functools.reduce(operator.getitem, way, document)
        if isinstance(parent, dict) and draw.random() < 0.3:
            parent.pop(last) if draw.random() < 0.5 else parent.update({"added": any_value(draw)})
        else:
            parent[last] = any_value(draw)
    return document


def _places(value: Any, way: tuple = ()) -> Iterator[tuple]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*way, key)
        yield from _places(child, (*way, key))


def mixed(*ways: Damage) -> Damage:
    return lambda data, draw: ways[draw.integers(len(ways))](data, draw)


def with_other_entries(data: bytes, draw: Random) -> bytes:
    """An archive whose entries were changed, with right checksums."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(buffer, "w") as made:
        names = archive.namelist()
        chosen = names[draw.integers(len(names))] if draw.random() < 0.5 else next(n for n in names if "data.pkl" in n)
        for name in names:
            entry = archive.read(name)
            if name == chosen:
                entry = plain_damage(entry, draw) if entry else b"x"
            method = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[int(draw.random() < 0.2)]
            made.writestr(zipfile.ZipInfo(name), entry, method)
    return buffer.getvalue()


def with_other_directory(data: bytes, draw: Random) -> bytes:
    """An archive whose lists of entries were changed: sizes, places, methods, names, numbers of disks."""
    changed = bytearray(data)
    marks = [match.start() for match in re.finditer(b"PK(?:\x01\x02|\x03\x04|\x05\x06|\x06\x06|\x06\x07)", data)]
    for _ in range(int(draw.integers(1, 4))):
        place = marks[draw.integers(len(marks))] + 4 + int(draw.integers(0, 44))
        if place < len(changed):
            changed[place] = int(draw.integers(256))
    return bytes(changed)


def with_other_header(data: bytes, draw: Random) -> bytes:
    """A safetensors file whose header has other values."""
    (length,) = struct.unpack_from("<Q", data)
    header = with_other_values(json.loads(data[8 : 8 + length]), draw)
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def with_other_chunk(data: bytes, draw: Random) -> bytes:
    """A PNG of which a chunk was changed, with the right checksum."""
    chunks, place = [], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    number = int(draw.integers(len(chunks)))
    name, body = chunks[number]
    chunks[number] = (name, plain_damage(body, draw) if body else bytes(draw.integers(0, 256, 9).astype(np.uint8)))
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def with_other_tag(data: bytes, draw: Random) -> bytes:
    """A TIFF of which some tags have other types, counts or values."""
    changed = bytearray(data)
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    for _ in range(int(draw.integers(1, 4))):
        place = start + 2 + 12 * int(draw.integers(count))
        field, value = int(draw.integers(3)), int(draw.integers(0, 2**32)) >> int(draw.integers(32))
        struct.pack_into(
            ("<H", "<I", "<I")[field], changed, place + (2, 4, 8)[field], value % (2**16 if not field else 2**32)
        )
    return bytes(changed)


def with_other_cell(data: bytes, draw: Random) -> bytes:
    lines = data.decode().split("\n")
    number = int(draw.integers(len(lines)))
    cells = lines[number].split(",")
    cells[draw.integers(len(cells))] = str(any_value(draw))
    return "\n".join([*lines[:number], ",".join(cells), *lines[number + 1 :]]).encode("utf-8", "surrogatepass")


def with_other_json(data: bytes, draw: Random) -> bytes:
    return json.dumps(with_other_values(json.loads(data), draw)).encode()
