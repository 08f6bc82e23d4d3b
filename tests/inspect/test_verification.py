"""Whether another machine decodes the same pairs: files that compress wrote, files of others, and files of old."""

import copy
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from pairs.small_file import COMPACT, compact_generator
from recipes import SMALL, run
from sample_file import entry_of, forge, take_apart, without_signatures

from gsdd.distilled.latent_set import read_latents
from gsdd.distilled.signature import Comparison
from gsdd.errors import FingerprintError, FormatError, NoSignaturesError, RecipeError
from gsdd.generators.export import export
from gsdd.generators.generator import Generator
from gsdd.inspect.verification import verify


@pytest.fixture(scope="module")
def changed_weights(tmp_path_factory):
    """The generator with one of its layers one percent stronger."""
    path = tmp_path_factory.mktemp("weights") / "changed.safetensors"
    network = copy.deepcopy(compact_generator().network)
    network.state_dict()["body.0.weight"].mul_(1.01)
    export(Generator(network, compact_generator().reference), path)
    return path


@pytest.mark.parametrize("codec", ["uint8", "fp16", "fp32"])
def test_compress_signs_the_images_that_a_reader_of_its_file_decodes(photos, tmp_path, codec):
    run(photos, tmp_path / "a.gsdd", **SMALL | {"hr_size": 64, "iterations": 0, "ipc": 1, "codec": codec})
    result = verify(tmp_path / "a.gsdd", decode=True)
    assert result.problem is None
    assert result.decoding.comparison == Comparison(result.latents, (), 0.0, 1 / 64)


def test_an_older_processor_decodes_the_same_pairs(small_file):
    """oneDNN and ATen told to use no AVX take other kernels, as they would on another machine."""
    command = [sys.executable, "-m", "gsdd.cli", "verify", "--decode", "-q", "--json", small_file]
    environment = os.environ | {"DNNL_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["files"][0]["decoding"]["largest_difference"] <= 1 / 64


def test_the_bytes_alone_are_checked_unless_decoding_is_asked_for(small_file, tmp_path):
    result = verify(small_file)
    assert (result.version, result.latents, result.decoding, result.problem) == ("1.1", 12, None, None)
    assert result.bytes == small_file.stat().st_size
    damaged = tmp_path / "damaged.gsdd"
    damaged.write_bytes(small_file.read_bytes()[:-1])
    with pytest.raises(FormatError):
        verify(damaged, decode=True)


def test_other_weights_are_refused_and_if_forced_found_out(small_file, changed_weights):
    with pytest.raises(FingerprintError, match=r"small\.gsdd: the file was made with generator realesr-animevideov3"):
        verify(small_file, decode=True, generator=str(changed_weights))
    result = verify(small_file, decode=True, generator=str(changed_weights), force_generator=True)
    assert result.decoding.note.startswith("forced: ")
    assert len(result.decoding.comparison.differing) >= 10
    assert 1 / 64 < result.decoding.comparison.largest_difference <= 0.5
    assert f"{small_file}: {len(result.decoding.comparison.differing)} of 12 images are not those" in result.problem


def test_one_image_of_many_that_differs_is_named(small_file, tmp_path):
    manifest, tensors = take_apart(small_file.read_bytes())
    signatures = np.frombuffer(tensors["signatures"], np.uint8).reshape(12, 8, 8).copy()
    signatures[7, 0, 0] ^= 128
    manifest["tensors"]["signatures"] = entry_of(signatures)
    changed = tmp_path / "changed.gsdd"
    changed.write_bytes(forge(manifest, {**tensors, "signatures": signatures.tobytes()}))
    result = verify(changed, decode=True)
    assert result.decoding.comparison == Comparison(12, (7,), 0.5, 1 / 64)
    assert result.problem == (
        f"{changed}: 1 of 12 images are not those of the file's author: the mean of a block differs by up to 0.500 "
        f"grey levels (modulo 1), rounding explains 0.016; generator {COMPACT} on cpu has other weights, or computes "
        "in less than float32 (bf16, fp16, TF32)"
    )


def test_a_file_of_version_1_0_is_sound_and_cannot_be_compared(small_file, tmp_path):
    old = tmp_path / "old.gsdd"
    old.write_bytes(without_signatures(small_file.read_bytes()))
    assert verify(old).version == "1.0"
    distilled = read_latents(old)
    assert distilled.signatures is None
    assert distilled.latents.equal(read_latents(small_file).latents)
    with pytest.raises(NoSignaturesError, match=r"old\.gsdd: is of format 1\.0, which holds no signatures"):
        verify(old, decode=True)


def test_a_device_that_is_not_there_is_told(small_file):
    with pytest.raises(RecipeError, match="no-such-device"):
        verify(small_file, decode=True, device="no-such-device")
