"""Small files do not take gigabytes, and large ones are told of in a few megabytes: measured in child processes."""

import hashlib
import io
import json
import os
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
from hdf5_forms import compact, replaced
from http_server import serving
from line_server import running
from sample_file import DTYPES, behind_user_block, forge_hdf5, sign, take_apart, write_sample

from gsdd.errors import FormatError
from gsdd.formats import container as files

MB = 1 << 20
ROOM = 300 * MB


@pytest.fixture(scope="module")
def measured():
    """Run `gsdd` with these words; its exit code, what it said, seconds, and its peak of memory over its imports."""
    with running(Path(__file__).parents[1] / "attack_server.py") as server:
        yield lambda *words, seconds=60: server({"arguments": [str(word) for word in words], "seconds": seconds})


def within_bounds(answer: dict, path: Path) -> bool:
    return answer["code"] in (0, 1, 2, 3) and answer["peak"] <= 4 * path.stat().st_blocks * 512 + ROOM


@pytest.fixture
def parts(tmp_path):
    return take_apart(write_sample(tmp_path / "sound.gsdd").read_bytes())


def large_file(path: Path, parts, size: int) -> Path:
    """A safetensors file of fp32 latents whose bytes lie on disk without having been written."""
    manifest, _ = parts
    count = size // (3 * 2 * 2 * 4)
    manifest["codec"], manifest["classes"] = "fp32", [{"name": "sky", "latents": count}]
    shapes = {
        "latents": ("F32", [count, 3, 2, 2]), "class_index": ("I32", [count]), "source_index": ("I32", [count]),
        "signatures": ("U8", [count, 8, 8]),
    }  # fmt: skip
    manifest["tensors"] = {n: {"dtype": d, "shape": s, "sha256": "0" * 64} for n, (d, s) in shapes.items()}
    header, start = {"__metadata__": {"gsdd": sign(manifest)}}, 0
    for name in ("latents", "class_index", "source_index", "signatures"):
        dtype, shape = shapes[name]
        end = start + int(np.prod(shape)) * np.dtype(DTYPES[dtype]).itemsize
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        os.posix_fallocate(file.fileno(), 8 + len(text), start)
    return path


def test_info_of_a_large_file_takes_a_few_megabytes(measured, tmp_path, parts):
    path = large_file(tmp_path / "large.gsdd", parts, 250 * MB)
    assert path.stat().st_size > 600 * MB
    answer = measured("info", path)
    assert answer["code"] == 0, answer["text"]
    assert answer["peak"] < 30 * MB
    assert answer["seconds"] < 5


@pytest.mark.parametrize("container", ["safetensors", "hdf5", "deflated"])
def test_the_head_of_a_file_says_what_the_whole_file_does(tmp_path, container):
    path = write_sample(tmp_path / "a", container=container)
    whole, head = files.read(path), files.read_head(path)
    assert (head.document, head.container, head.size) == (whole.document, whole.container, whole.size)
    data = path.read_bytes()
    for broken in (data[:-1], data + b"x", data[: len(data) // 3], data[:40] + b"\0" + data[41:]):
        path.write_bytes(broken)
        with pytest.raises(FormatError):
            files.read(path)
        if container != "deflated" or len(broken) < len(data) // 2:
            with pytest.raises(FormatError):
                files.read_head(path)


def test_two_names_of_one_dataset_are_refused_however_small(refusal, parts):
    manifest, tensors = parts
    manifest["version"] = "1.9"
    manifest["tensors"]["again"] = manifest["tensors"]["latents"]

    def link(file: h5py.File) -> None:
        file["again"] = file["latents"]

    assert "share their bytes" in refusal(forge_hdf5(manifest, tensors, link))


def dct_file(path: Path, side: int) -> Path:
    """One flat latent of that side: a stream of a few bytes for each thousand of its values."""
    from dataclasses import replace

    from sample_file import MANIFEST

    from gsdd.formats.manifest import ManifestClass

    manifest = replace(MANIFEST, codec="dct", hr_size=4 * side, classes=(ManifestClass("sky", 1),))
    latents = np.full(manifest.latent_shape, 0.5, np.float32)
    arrays = files.Arrays(latents, np.zeros(1, np.int32), np.zeros(manifest.signature_shape, np.uint8))
    files.write(path, manifest, arrays)
    return path


def test_a_stream_of_one_huge_latent_is_refused_by_its_declared_size(measured, tmp_path):
    path = dct_file(tmp_path / "one.gsdd", 1176)
    assert within_bounds(measured("verify", path), path)
    with pytest.raises(FormatError, match="have more than the 4194304 values of a stream"):
        dct_file(tmp_path / "huge.gsdd", 1192)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: file.attrs.update(x="y"), "has attributes"),
        (lambda file: file["latents"].attrs.update(x="y"), "or has attributes"),
        (
            lambda file: replaced(file, dtype=h5py.enum_dtype({"A": 0}, "u1")),
            "another type than plain",
        ),
        (lambda file: compact(file), "is not a plain contiguous dataset"),
        (lambda file: file.create_dataset("more", data=1), "'more'"),
    ],
)
def test_hdf5_beyond_the_specification_is_refused(refusal, parts, change, said):
    assert said in refusal(forge_hdf5(*parts, change))


def test_bytes_behind_the_end_of_hdf5_are_refused(refusal, parts):
    data = forge_hdf5(*parts)
    assert "ends after" in refusal(behind_user_block(data[512:] + b"trailing"))


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64, "git lfs pull"),
     (b"<!doctype html>" + b" " * 90, "a page in HTML")],
)  # fmt: skip
def test_a_download_that_is_no_file_is_named(refusal, data, said):
    assert said in refusal(data)


def test_a_url_that_sends_more_than_its_header_calls_for_is_given_up(tmp_path):
    data = write_sample(tmp_path / "a.gsdd").read_bytes()
    (tmp_path / "b.gsdd").write_bytes(data + bytes(3 * MB))
    for reader in (files.read, files.read_head):
        with serving(tmp_path / "b.gsdd") as server, pytest.raises(FormatError, match="that its header calls for"):
            reader(server.url("good"))


def test_what_inflates_to_much_is_refused_before_it_does(refusal):
    body = hashlib.sha256(b"").digest() * 40_000
    claimed = (97 << 20).to_bytes(4, "little")
    assert "claims to inflate to" in refusal(b"GSDZ" + claimed + body)
    assert io.BytesIO(body).read(1)


def test_names_of_ten_thousand_classes_of_one_slug_take_no_time():
    from time import monotonic

    from gsdd.data.names import class_folders

    began = monotonic()
    folders = class_folders("ü" * (number % 7 + 1) + "?" * (number // 7) for number in range(3000))
    assert len(set(folders)) == 3000
    folders = class_folders(f"{chr(0x4E00 + number)}{'x' * 70}" for number in range(10_000))
    assert folders[:3] == ("_" + "x" * 63, "_" + "x" * 61 + "_2", "_" + "x" * 61 + "_3")
    assert len(set(folders)) == 10_000
    assert monotonic() - began < 2
