"""FORMAT.md is enough: this decoder was written from it, with json, numpy and struct, and knows nothing of gsdd."""

import json
import math
import struct

import numpy as np
import pytest
from pairs.small_file import compact_generator
from sample_file import CODEC_NAMES, DTYPES, signature_of, write_sample

from gsdd.distilled.latent_set import read_latents
from gsdd.formats import container as files
from gsdd.formats.codecs import CODECS

FREQUENCIES = list(np.ndindex(3, 8, 8))


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
    if manifest["codec"] == "dct":
        z = decode_coefficients(arrays, manifest["hr_size"] // manifest["generator"]["scale"])
    if manifest["codec"] == "uint8":
        n, c = z.shape[:2]
        z = z * arrays["latents.scale"].reshape(n, c, 1, 1)
        z = z + arrays["latents.offset"].reshape(n, c, 1, 1)
    return manifest, z, arrays


def decode_coefficients(arrays: dict[str, np.ndarray], h: int) -> np.ndarray:
    """Latents of codec dct, in plain Python."""
    latents, begin = [], 0
    for length, scale in zip(arrays["latents.lengths"], arrays["latents.scale"], strict=True):
        stream = arrays["latents"][begin : begin + length].tobytes()
        begin += length
        codes = decode_codes(stream, (-(-h // 8)) ** 2)
        z = np.array([[[value(codes, c, y, x, h) for x in range(h)] for y in range(h)] for c in range(3)], np.float32)
        latents.append(z * scale + np.float32(0.5))
    assert begin == len(arrays["latents"])
    return np.array(latents, np.float32)


def decode_codes(stream: bytes, blocks: int) -> dict[tuple[int, int, int, int], int]:
    words, state = list(struct.unpack(f"<{(len(stream) - 3) // 4}I", stream[3:])), 0
    while words and state < 2**32:
        state = state << 32 | words.pop()
    table = {
        (p, v, u): min(max(head % 32 - ((head // 32 + 2) * octave(v, u) + 16) // 32, 0), 17)
        for p, head in enumerate(stream[:3])
        for v in range(8)
        for u in range(8)
    }
    codes = {}
    for k in range(18):
        density = [2 ** (24 + 2 * k) // (2**k + 16 * x * x) ** 2 for x in range(-2048, 2048)]
        weights = [each * (2**24 - 4096) // sum(density) for each in density]
        weights[2048] += 2**24 - 4096 - sum(weights)
        ends = np.cumsum([each + 1 for each in weights])
        for place in (each for each in np.ndindex(3, 8, 8, blocks) if table[each[:3]] == k):
            quantile = state % 2**24
            number = int(np.searchsorted(ends, quantile, side="right"))
            weight = weights[number] + 1
            state = (state >> 24) * weight + quantile - (int(ends[number]) - weight)
            if state < 2**32 and words:
                state = state << 32 | words.pop()
            codes[place] = number - 2048
    assert state == 2**24 and not words
    return codes


def octave(v: int, u: int) -> int:
    return round(16 * math.log2(1 + 2 * math.hypot(v, u)))


def basis(n: int, k: int, i: int) -> int:
    return round(2**12 * math.sqrt((2 if k else 1) / n) * math.cos(math.pi * k * (2 * i + 1) / (2 * n)))


def value(codes: dict[tuple[int, int, int, int], int], c: int, y: int, x: int, h: int) -> np.float32:
    block = y // 8 * -(-h // 8) + x // 8
    total = sum(
        codes[p, v, u, block] * basis(3, p, c) * basis(8, v, y % 8) * basis(8, u, x % 8) for p, v, u in FREQUENCIES
    )
    return np.float32(total / 2**36)


@pytest.mark.parametrize("codec", CODEC_NAMES)
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


def test_a_decoder_of_streams_written_from_the_spec_agrees_on_photos(small_file):
    latents = read_latents(small_file).latents.numpy()
    coefficients = CODECS["dct"].encode(latents[:1])
    ours = CODECS["dct"].decode(coefficients, latents[:1].shape)
    assert decode_coefficients(coefficients, latents.shape[2]).tobytes() == ours.tobytes()


def test_signatures_computed_from_the_spec_are_those_that_the_file_is_written_with(small_file):
    images = read_latents(small_file).decode(compact_generator(), slice(None)).numpy()
    _, _, tensors = decode(small_file.read_bytes())
    assert tensors["signatures"].tolist() == [signature_of(image) for image in images]
