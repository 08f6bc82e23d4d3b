"""Random damage and malice to `.gsdd` files, and what a reader may do about it.

python tests/mutations.py 10000     # a line a container and codec: how many were refused, and how many are harmless
"""

import copy
import functools
import hashlib
import operator
import struct
import time
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
from sample_file import CODEC_NAMES, CONTAINERS, DTYPES, MANIFEST, forge, forge_hdf5, lay_out, split_up, take_apart

from gsdd.cli.main import exit_code
from gsdd.errors import FormatError
from gsdd.formats import container as files
from gsdd.formats.manifest import ManifestClass

DICTIONARY = Path(__file__).parents[1] / "formats" / "DICTIONARY.txt"
NUMBERS = [True, -1, 0, 1, 7, 63, 2**16, 2**31 - 1, 2**31, 2**53, 2**63, 2**70, -(10**300), 0.5, 1.5, 1e308]
TEXTS = ["", "x", "1.0", "2.0", "dct", "fp32", "I32", "../x", "\x1b[2J", "\ud800", "0" * 64, "x" * 5000]
LISTS = [[], [[]], [0], ["F32"], [2**40] * 3, [2**62] * 4, [1] * 999]
HOSTILE = [None, *NUMBERS, *TEXTS, *LISTS, {}, {"a": 1}]
VALUES = [*HOSTILE, "1.1", "1.2", "1.3", "1.9"]
LONGEST_SECONDS = 5.0
# Of what the file declares: its bytes, and its latents as float32. Python's own objects come on top.
MOST_MEMORY = 4
OWN_MEMORY = 1 << 20

Parts = tuple[dict, dict[str, bytes]]
Random = np.random.Generator


def sound_file(path: Path, codec: str, container: str) -> Path:
    """Write six noisy latents of 16x16 in two classes."""
    draw = np.random.default_rng(1)
    manifest = replace(
        MANIFEST, codec=codec, hr_size=64, classes=(ManifestClass("sky", 2), ManifestClass("Gebäude", 4))
    )
    ramp = np.linspace(0, 1, 16, dtype=np.float32)
    latents = (ramp + 0.1 * draw.standard_normal(manifest.latent_shape)).astype(np.float32)
    index = np.array([0, 0, 1, 1, 1, 1], np.int32)
    signatures = draw.integers(0, 256, manifest.signature_shape).astype(np.uint8)
    files.write(path, manifest, files.Arrays(latents, index, signatures), container=container, force=True)
    return path


def with_changed_bytes(data: bytes, parts: Parts, draw: Random) -> bytes:
    changed = bytearray(data)
    for place in draw.integers(0, len(data), draw.integers(1, 9)):
        changed[place] = draw.integers(256)
    return bytes(changed)


def with_another_length(data: bytes, parts: Parts, draw: Random) -> bytes:
    cut = int(draw.integers(0, len(data)))
    return data[:cut] if draw.random() < 0.7 else data + draw.bytes(int(draw.integers(1, 999)))


def with_another_claim(data: bytes, parts: Parts, draw: Random) -> bytes:
    """A header that claims other lengths and offsets than the file has; no digest is of them."""
    if data.startswith(b"gsdd-hdf5"):
        number = str(NUMBERS[draw.integers(len(NUMBERS))]).encode()
        return data.replace(b"length ", b"length " + number, 1)
    if data.startswith(b"GSDZ"):
        return data[:4] + struct.pack("<I", int(draw.integers(0, 2**32)) >> int(draw.integers(32))) + data[8:]
    if draw.random() < 0.3:
        return struct.pack("<Q", int(draw.integers(0, 2**63)) >> int(draw.integers(64))) + data[8:]
    header, payload = split_up(data)
    entry = header[sorted(set(header) - {"__metadata__"})[draw.integers(len(header) - 1)]]
    key = ("dtype", "shape", "data_offsets")[draw.integers(3)]
    entry[key] = copy.deepcopy(VALUES[draw.integers(len(VALUES))])
    return lay_out(header, payload)


def places_of(value: object, path: tuple = ()) -> list[tuple]:
    """The way to each value in a manifest, dictionaries and lists among them."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [each for key, child in children for each in places_of(child, (*path, key))]


def parent_of(manifest: dict, place: tuple) -> dict | list:
    """What holds the value at a place."""
    return functools.reduce(operator.getitem, place[:-1], manifest)


def with_another_field(data: bytes, parts: Parts, draw: Random) -> bytes:
    """Fields of the manifest changed, removed or added, with the right digests."""
    manifest, tensors = parts
    for _ in range(int(draw.integers(1, 4))):
        found = places_of(manifest)
        place = found[draw.integers(len(found))]
        parent, last = parent_of(manifest, place), place[-1]
        value = copy.deepcopy(VALUES[draw.integers(len(VALUES))])
        if isinstance(parent, dict) and draw.random() < 0.2:
            parent.pop(last) if draw.random() < 0.5 else parent.update({"added": value})
        else:
            parent[last] = value
    return laid_out(data, (manifest, tensors))


def with_another_tensor(data: bytes, parts: Parts, draw: Random) -> bytes:
    """Bytes of a tensor changed, cut off or added, and the manifest says so."""
    manifest, tensors = parts
    name = sorted(tensors)[draw.integers(len(tensors))]
    payload = bytearray(tensors[name])
    for place in draw.integers(0, len(payload), draw.integers(1, 9)):
        payload[place] = (0, 255, draw.integers(256))[draw.integers(3)]
    entry = manifest["tensors"][name]
    if draw.random() < 0.3:
        size = np.dtype(DTYPES[entry["dtype"]]).itemsize
        payload = payload[: size * int(draw.integers(1, len(payload) // size + 1))] + draw.bytes(
            size * int(draw.integers(3))
        )
        entry["shape"] = [len(payload) // size]
    entry["sha256"] = hashlib.sha256(payload).hexdigest()
    return laid_out(data, (manifest, {**tensors, name: bytes(payload)}))


KINDS: tuple[Callable[[bytes, Parts, Random], bytes], ...] = (
    with_changed_bytes,
    with_another_length,
    with_another_claim,
    with_another_field,
    with_another_tensor,
)


def laid_out(data: bytes, parts: Parts) -> bytes:
    """The parts in the container of the sound file, with right digests; those bytes where it cannot hold them."""
    if data.startswith(b"GSDZ"):
        return deflated(forge(*parts))
    try:
        return forge_hdf5(*parts) if data.startswith(b"gsdd-hdf5") else forge(*parts)
    except (KeyError, TypeError, ValueError, AttributeError):
        return data[:-1]


def deflated(plain: bytes) -> bytes:
    """The container deflated, by FORMAT.md."""
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=DICTIONARY.read_bytes())
    return b"GSDZ" + struct.pack("<I", len(plain)) + coder.compress(plain) + coder.flush()


def mutations(codec: str, container: str, count: int, folder: Path, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Damage one sound file again and again, each kind in turn: (name of the kind, bytes)."""
    data = sound_file(folder / "sound.gsdd", codec, container).read_bytes()
    parts = take_apart(sound_file(folder / "same.gsdd", codec, "safetensors").read_bytes())
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        draw = np.random.default_rng([seed, number, *codec.encode()])
        yield kind.__name__, kind(data, copy.deepcopy(parts), draw)


def answer_to(path: Path) -> str:
    """Read a file of unknown origin as every command does: "refused", or "harmless".

    Raises:
        AssertionError: it was neither, or took more time or memory than it may.
    """
    began = time.monotonic()
    tracemalloc.start()
    try:
        contents = files.read(path)
        latents = files.latents_of(contents)
        answer = "harmless"
    except FormatError:
        answer = "refused"
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    declared = path.stat().st_size
    if answer == "harmless":
        assert latents.shape == contents.manifest.latent_shape
        assert np.isfinite(latents).all()
        declared += latents.nbytes
    assert time.monotonic() - began < LONGEST_SECONDS, path
    assert peak <= MOST_MEMORY * declared + OWN_MEMORY, (path, peak, declared)
    return answer


def tally(codec: str, container: str, count: int, seed: int = 0) -> Counter[str]:
    """Read that many mutations; `verify` must exit 3 or 0 alike. Count answers, and harmless ones by kind."""
    found: Counter[str] = Counter()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mutated.gsdd"
        for kind, data in mutations(codec, container, count, Path(folder), seed):
            path.write_bytes(data)
            answer = answer_to(path)
            assert exit_code(["verify", "-q", str(path)]) == (3 if answer == "refused" else 0), (kind, answer)
            found[answer] += 1
            found[f"harmless {kind}"] += answer == "harmless"
    return found


@click.command()
@click.argument("count", type=int)
@click.option("--seed", default=0)
def main(count: int, seed: int) -> None:
    """Count what a number of mutations, shared among containers and codecs, come to."""
    pairs = [(container, codec) for container in CONTAINERS for codec in CODEC_NAMES]
    for container, codec in pairs:
        found = tally(codec, container, -(-count // len(pairs)), seed)
        click.echo(f"{container} {codec}: {dict(+found)}")


if __name__ == "__main__":
    main()
