"""The default container, to the byte: what is written today, and what version 1.0 wrote."""

import hashlib
import json
import struct

import numpy as np
import pytest
import safetensors.numpy
from golden_files import GOLDEN_1_0, GOLDEN_1_1
from sample_file import LATENTS, MANIFEST, SIGNATURES, spell, write_sample

from gsdd.formats import container as files

GOLDEN = {"1.0": GOLDEN_1_0, "1.1": GOLDEN_1_1}
TENSORS = ["class_index", "source_index", "latents", "latents.offset", "latents.scale"]
each_version = pytest.mark.parametrize("version", GOLDEN)


def take_apart(data: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack_from("<Q", data)
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def text_of(data: bytes) -> str:
    return take_apart(data)[0]["__metadata__"]["gsdd"]


def read(folder, data: bytes) -> files.Contents:
    path = folder / "golden.gsdd"
    path.write_bytes(data)
    return files.read(path)


def test_a_written_file_has_the_golden_bytes(tmp_path):
    assert write_sample(tmp_path / "a.gsdd").read_bytes() == GOLDEN_1_1


@each_version
def test_the_golden_bytes_read_as_the_latents_that_they_were_made_from(tmp_path, version):
    contents = read(tmp_path, GOLDEN[version])
    assert contents.document.version == version
    assert contents.manifest == MANIFEST
    assert np.abs(files.latents_of(contents) - LATENTS).max() < 1e-7


def test_version_1_1_has_signatures_and_version_1_0_has_none(tmp_path):
    assert read(tmp_path, GOLDEN_1_1).tensors["signatures"].tolist() == SIGNATURES.tolist()
    assert set(read(tmp_path, GOLDEN_1_0).tensors) == set(TENSORS)


@each_version
def test_a_conversion_there_and_back_keeps_every_byte_and_so_the_version(tmp_path, version):
    read(tmp_path, GOLDEN[version])
    files.convert(tmp_path / "golden.gsdd", tmp_path / "b.h5", container="hdf5")
    assert files.read(tmp_path / "b.h5").document.version == version
    files.convert(tmp_path / "b.h5", tmp_path / "c.gsdd", container="safetensors")
    assert (tmp_path / "c.gsdd").read_bytes() == GOLDEN[version]


@each_version
def test_the_safetensors_library_reads_and_writes_the_golden_bytes(version):
    tensors = safetensors.numpy.load(GOLDEN[version])
    assert tensors["latents"][0, 0].tolist() == [[0, 51], [153, 255]]
    text = text_of(GOLDEN[version])
    assert safetensors.numpy.save(tensors, metadata={"gsdd": text}) == GOLDEN[version]


@pytest.mark.parametrize(("version", "name"), [(v, n) for v in GOLDEN for n in TENSORS] + [("1.1", "signatures")])
def test_the_manifest_holds_the_sha256_of_each_tensors_bytes(version, name):
    header, payload = take_apart(GOLDEN[version])
    begin, end = header[name]["data_offsets"]
    entry = json.loads(text_of(GOLDEN[version]))["tensors"][name]
    assert entry["sha256"] == hashlib.sha256(payload[begin:end]).hexdigest()


@each_version
def test_the_digest_is_that_of_the_manifest_with_the_digest_cut_out(version):
    text = text_of(GOLDEN[version])
    manifest = json.loads(text)
    assert spell(manifest) == text
    cut = text.replace(f'"digest":"{manifest["digest"]}",', "")
    assert manifest["digest"] == hashlib.sha256(cut.encode()).hexdigest()
