"""FORMAT.md is enough: this decoder was written from it, with json, numpy and struct, and knows nothing of gsdd."""

import json
import math
import struct

import numpy as np
import pytest
from pairs.small_file import compact_generator, copy_photos, write_small_file
from sample_file import write_sample

import gsdd
from gsdd.formats import container as files

DTYPES = {"F32": "<f4", "I32": "<i4", "F16": "<f2", "U8": "u1"}


def decode(data: bytes) -> tuple[dict, np.ndarray, dict[str, np.ndarray]]:
    """Manifest, latents and tensors as stored of a .gsdd file in the safetensors container."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    manifest = json.loads(header.pop("__metadata__")["gsdd"])
    if manifest["version"].split(".")[0] != "1":
        raise ValueError("another major version")
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = np.frombuffer(data[8 + length + begin : 8 + length + end], DTYPES[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
    z = arrays["latents"].astype(np.float32)
    if manifest["codec"] == "uint8":
        n, c = z.shape[:2]
        z = z * arrays["latents.scale"].reshape(n, c, 1, 1)
        z = z + arrays["latents.offset"].reshape(n, c, 1, 1)
    return manifest, z, arrays


@pytest.mark.parametrize("codec", ["fp32", "fp16", "uint8"])
def test_a_decoder_written_from_the_spec_agrees_with_ours(tmp_path, codec):
    path = write_sample(tmp_path / "a.gsdd", codec)
    manifest, latents, tensors = decode(path.read_bytes())
    contents = files.read(path)
    assert latents.dtype == np.float32
    assert latents.tobytes() == files.latents_of(contents).tobytes()
    for name in ("class_index", "source_index", "signatures"):
        assert tensors[name].tolist() == contents.tensors[name].tolist()
    assert [(each["name"], each["latents"]) for each in manifest["classes"]] == [("Gebäude", 2), ("sky", 1)]
    assert manifest["generator"]["fingerprint"] == contents.manifest.generator.fingerprint
    assert (manifest["hr_size"], manifest["codec"]) == (8, codec)


def sign(image: np.ndarray) -> np.ndarray:
    """Signature of an HR image, uint8 `[3, H, W]`."""

    def bounds(side: int) -> list[slice]:
        return [slice(math.floor(i * side / 8), math.ceil((i + 1) * side / 8)) for i in range(8)]

    blocks = [[image[:, rows, columns] for columns in bounds(image.shape[2])] for rows in bounds(image.shape[1])]
    return np.array([[int(block.sum(dtype=int)) * 256 // block.size % 256 for block in row] for row in blocks])


def test_signatures_computed_from_the_spec_are_those_that_the_file_is_written_with(tmp_path):
    distilled = gsdd.open(write_small_file(tmp_path / "a.gsdd", copy_photos(tmp_path / "photos"), counts=(2, 1, 1)))
    images = distilled.decode(compact_generator(), range(4)).numpy()
    _, _, tensors = decode((tmp_path / "a.gsdd").read_bytes())
    assert tensors["signatures"].tolist() == [sign(image).tolist() for image in images]
