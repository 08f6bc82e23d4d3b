"""A tiny .gsdd file, and one forged from any manifest with the right digests, laid out by FORMAT.md alone."""

import hashlib
import io
import json
import math
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from gsdd.formats import container as files
from gsdd.formats.manifest import Manifest, ManifestClass, ManifestGenerator, ManifestSource

CONTAINERS = ("safetensors", "hdf5", "deflated")
CODEC_NAMES = ("fp32", "fp16", "uint8", "dct")
DTYPES = {"F32": "<f4", "I32": "<i4", "F16": "<f2", "U8": "u1"}
CLASS_INDEX = np.array([0, 0, 1], np.int32)
SOURCE_INDEX = np.array([0, 2, 1], np.int32)
# 0, 0.2, 0.6, 1 are the codes 0, 51, 153, 255; the other latents are the first, stretched, and a constant.
FIRST = np.array([0, 0.2, 0.6, 1], np.float32).reshape(2, 2)
LATENTS = np.stack([np.stack([FIRST] * 3), np.stack([FIRST * 2 - 0.5] * 3), np.full((3, 2, 2), 0.25, np.float32)])
# The format does not know what images they are of: any bytes will do.
SIGNATURES = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8)
ARRAYS = files.Arrays(LATENTS, SOURCE_INDEX, SIGNATURES)
MANIFEST = Manifest(
    generator=ManifestGenerator(
        name="realesr-animevideov3",
        architecture="SRVGGNetCompact",
        scale=4,
        parameters=621_424,
        fingerprint="a1" * 32,
        fingerprint_fp16="b2" * 32,
        origin="pip install gsdd[weights]",
        licence="BSD-3-Clause",
    ),
    hr_size=8,
    codec="uint8",
    classes=(ManifestClass("Gebäude", 2), ManifestClass("sky", 1)),
    recipe={"preset": "quick", "lr": 0.001, "layers": [1, 2], "budget": None, "siamese": True},
    run={"iterations": 3},
    source=ManifestSource(images=3, bytes=12_345, sha256="c3" * 32, skipped=1, ignored=0, licence="CC0-1.0"),
    training={"scale": 4},
)


def write_sample(path: Path, codec: str = "uint8", container: files.ContainerName = "safetensors") -> Path:
    manifest = replace(MANIFEST, codec=codec)
    signatures = SIGNATURES[[0, 2], ::2, ::2] if codec == "dct" else SIGNATURES
    files.write(path, manifest, replace(ARRAYS, signatures=signatures), container=container)
    return path


def split_up(data: bytes) -> tuple[dict, bytes]:
    """The two parts of a safetensors file."""
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def take_apart(data: bytes) -> tuple[dict, dict[str, bytes]]:
    """Manifest and tensors of a safetensors .gsdd file."""
    header, payload = split_up(data)
    manifest = json.loads(header.pop("__metadata__")["gsdd"])
    return manifest, {name: payload[slice(*entry["data_offsets"])] for name, entry in header.items()}


def spell(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def sign(manifest: dict) -> str:
    unsigned = {name: value for name, value in manifest.items() if name != "digest"}
    return spell({**unsigned, "digest": hashlib.sha256(spell(unsigned).encode()).hexdigest()})


def lay_out(header: dict, payload: bytes) -> bytes:
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + payload


def forge(manifest: dict, tensors: dict[str, bytes]) -> bytes:
    """A safetensors .gsdd file with right digests, whatever it says, and with those tensors that it says a dtype of."""
    table = manifest["tensors"] if isinstance(manifest.get("tensors"), dict) else {}
    known = {name: table[name] for name in tensors if isinstance(table.get(name), dict)}
    known = {name: entry for name, entry in known.items() if entry.get("dtype") in list(DTYPES)}
    header: dict = {"__metadata__": {"gsdd": sign(manifest)}}
    payload = b""
    for name in sorted(known, key=lambda name: (list(DTYPES).index(known[name]["dtype"]), name)):
        offsets = [len(payload), len(payload) + len(tensors[name])]
        header[name] = {"dtype": known[name]["dtype"], "shape": known[name].get("shape"), "data_offsets": offsets}
        payload += tensors[name]
    return lay_out(header, payload)


def forge_hdf5(manifest: dict, tensors: dict[str, bytes], more: Callable = lambda file: None) -> bytes:
    """The same in the HDF5 container; `more` may change what stands in it."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=512) as file:
        file["gsdd"] = np.bytes_(sign(manifest).encode())
        for name, data in sorted(tensors.items()):
            entry = manifest["tensors"][name]
            file[name] = np.frombuffer(data, DTYPES[entry["dtype"]]).reshape(entry["shape"])
        more(file)
    return behind_user_block(buffer.getvalue()[512:])


def behind_user_block(body: bytes) -> bytes:
    """An HDF5 part behind a user block that tells the truth about it."""
    block = f"gsdd-hdf5 1\nlength {len(body)}\nsha256 {hashlib.sha256(body).hexdigest()}\n"
    return block.encode().ljust(512, b"\0") + body


def entry_of(array: np.ndarray) -> dict:
    """What a manifest says of a tensor."""
    dtype = next(name for name, dtype in DTYPES.items() if array.dtype == np.dtype(dtype))
    return {"dtype": dtype, "shape": list(array.shape), "sha256": hashlib.sha256(array.tobytes()).hexdigest()}


def without_signatures(data: bytes) -> bytes:
    """The file as version 1.0 had it."""
    manifest, tensors = take_apart(data)
    del manifest["tensors"]["signatures"], tensors["signatures"]
    return forge({**manifest, "version": "1.0"}, tensors)


def edited(path: Path, target: Path, tensors: dict[str, np.ndarray] | None = None, **changes: Callable) -> Path:
    """The file with other fields of the manifest, each made of what it was, and perhaps other tensors."""
    contents = files.read(path)
    fields = {name: change(getattr(contents.manifest, name)) for name, change in changes.items()}
    files.write_stored(target, replace(contents.manifest, **fields), contents.tensors | (tensors or {}), force=True)
    return target


def named(*names: str) -> Callable:
    """Call the classes otherwise: a change for `edited`."""
    return lambda classes: tuple(ManifestClass(name, each.latents) for name, each in zip(names, classes, strict=True))


def signature_of(image: np.ndarray) -> list[list[int]]:
    """Signature of an HR image, uint8 `[3, H, W]`."""

    def bounds(side: int) -> list[slice]:
        return [slice(math.floor(i * side / 8), math.ceil((i + 1) * side / 8)) for i in range(8)]

    blocks = [[image[:, rows, columns] for columns in bounds(image.shape[2])] for rows in bounds(image.shape[1])]
    return [[int(block.sum(dtype=int)) * 256 // block.size % 256 for block in row] for row in blocks]
