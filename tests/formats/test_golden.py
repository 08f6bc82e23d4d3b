"""The default container, to the byte: what is written today, and what version 1.0 wrote."""

import hashlib

import numpy as np
import pytest
import safetensors.numpy
from golden_files import GOLDEN_1_0, GOLDEN_1_1
from sample_file import LATENTS, MANIFEST, SIGNATURES, split_up, take_apart, write_sample

from gsdd.formats import container as files

GOLDEN = {"1.0": GOLDEN_1_0, "1.1": GOLDEN_1_1}
TENSORS = {"class_index", "source_index", "latents", "latents.offset", "latents.scale"}
each_version = pytest.mark.parametrize("version", GOLDEN)


def test_the_file_of_version_1_0_is_the_one_that_was_written():
    digest = "bfd5ff3c40774077038c688cc5af38af7acdf933b7bc7225062162a270851f28"
    assert hashlib.sha256(GOLDEN_1_0).hexdigest() == digest


def test_a_written_file_has_the_golden_bytes(tmp_path):
    assert write_sample(tmp_path / "a.gsdd").read_bytes() == GOLDEN_1_1


@each_version
def test_the_golden_bytes_read_as_the_latents_that_they_were_made_from(accepted, version):
    contents = accepted(GOLDEN[version])
    assert contents.document.version == version
    assert contents.manifest == MANIFEST
    assert np.abs(files.latents_of(contents) - LATENTS).max() < 1e-7


def test_version_1_1_has_signatures_and_version_1_0_has_none(accepted):
    assert accepted(GOLDEN_1_1).tensors["signatures"].tolist() == SIGNATURES.tolist()
    assert accepted(GOLDEN_1_0).tensors.keys() == TENSORS


@each_version
def test_a_conversion_there_and_back_keeps_every_byte_and_so_the_version(tmp_path, version):
    (tmp_path / "a.gsdd").write_bytes(GOLDEN[version])
    files.convert(tmp_path / "a.gsdd", tmp_path / "b.h5", container="hdf5")
    assert files.read(tmp_path / "b.h5").document.version == version
    files.convert(tmp_path / "b.h5", tmp_path / "c.gsdd", container="safetensors")
    assert (tmp_path / "c.gsdd").read_bytes() == GOLDEN[version]


@each_version
def test_the_safetensors_library_reads_and_writes_the_golden_bytes(version):
    tensors = safetensors.numpy.load(GOLDEN[version])
    assert tensors["latents"][0, 0].tolist() == [[0, 51], [153, 255]]
    metadata = split_up(GOLDEN[version])[0]["__metadata__"]
    assert safetensors.numpy.save(tensors, metadata=metadata) == GOLDEN[version]


@each_version
def test_the_manifest_holds_the_sha256_of_each_tensors_bytes(version):
    manifest, tensors = take_apart(GOLDEN[version])
    wanted = {name: hashlib.sha256(data).hexdigest() for name, data in tensors.items()}
    assert {name: entry["sha256"] for name, entry in manifest["tensors"].items()} == wanted
