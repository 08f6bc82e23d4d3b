"""A tiny .gsdd file, and one forged from any manifest with the right digests, laid out by FORMAT.md alone."""

import hashlib
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

from gsdd.formats import container as files
from gsdd.formats.manifest import Manifest, ManifestClass, ManifestGenerator, ManifestSource

DTYPES = {"F32": "<f4", "I32": "<i4", "F16": "<f2", "U8": "u1"}
CLASS_INDEX = np.array([0, 0, 1], np.int32)
SOURCE_INDEX = np.array([0, 2, 1], np.int32)
# 0, 0.2, 0.6, 1 are the codes 0, 51, 153, 255; the other latents are the first, stretched, and a constant.
FIRST = np.array([0, 0.2, 0.6, 1], np.float32).reshape(2, 2)
LATENTS = np.stack([np.stack([FIRST] * 3), np.stack([FIRST * 2 - 0.5] * 3), np.full((3, 2, 2), 0.25, np.float32)])
# The format does not know what images they are of: any bytes will do.
SIGNATURES = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8)
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
    files.write(path, manifest, files.Arrays(LATENTS, SOURCE_INDEX, signatures), container=container)
    return path


def take_apart(data: bytes) -> tuple[dict, dict[str, bytes]]:
    """Manifest and tensors of a safetensors .gsdd file."""
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    manifest = json.loads(header.pop("__metadata__")["gsdd"])
    payload = data[8 + length :]
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
    """A safetensors .gsdd file with right digests, whatever it says."""
    table = manifest.get("tensors")
    header: dict = {"__metadata__": {"gsdd": sign(manifest)}}
    payload = b""
    for name in sorted(tensors, key=lambda name: (list(DTYPES).index(table[name]["dtype"]), name)):
        offsets = [len(payload), len(payload) + len(tensors[name])]
        header[name] = {"dtype": table[name]["dtype"], "shape": table[name]["shape"], "data_offsets": offsets}
        payload += tensors[name]
    return lay_out(header, payload)


def entry_of(array: np.ndarray) -> dict:
    """What a manifest says of a tensor."""
    dtype = next(name for name, dtype in DTYPES.items() if array.dtype == np.dtype(dtype))
    return {"dtype": dtype, "shape": list(array.shape), "sha256": hashlib.sha256(array.tobytes()).hexdigest()}


def without_signatures(data: bytes) -> bytes:
    """The file as version 1.0 had it."""
    manifest, tensors = take_apart(data)
    del manifest["tensors"]["signatures"], tensors["signatures"]
    return forge({**manifest, "version": "1.0"}, tensors)
