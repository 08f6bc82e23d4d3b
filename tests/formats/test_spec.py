"""FORMAT.md is enough: this decoder was written from it, with json, numpy and struct, and knows nothing of gsdd."""

import json
import struct

import numpy as np
import pytest
from sample_file import write_sample

from gsdd.formats import container as files

DTYPES = {"F32": "<f4", "I32": "<i4", "F16": "<f2", "U8": "u1"}


def decode(data: bytes) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray]:
    """Manifest, latents, class and source index of a .gsdd file in the safetensors container."""
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
    return manifest, z, arrays["class_index"], arrays["source_index"]


@pytest.mark.parametrize("codec", ["fp32", "fp16", "uint8"])
def test_a_decoder_written_from_the_spec_agrees_with_ours(tmp_path, codec):
    path = write_sample(tmp_path / "a.gsdd", codec)
    manifest, latents, class_index, source_index = decode(path.read_bytes())
    contents = files.read(path)
    assert latents.dtype == np.float32
    assert latents.tobytes() == files.latents_of(contents).tobytes()
    assert class_index.tolist() == contents.tensors["class_index"].tolist()
    assert source_index.tolist() == contents.tensors["source_index"].tolist()
    assert [(each["name"], each["latents"]) for each in manifest["classes"]] == [("Gebäude", 2), ("sky", 1)]
    assert manifest["generator"]["fingerprint"] == contents.manifest.generator.fingerprint
    assert (manifest["hr_size"], manifest["codec"]) == (8, codec)
