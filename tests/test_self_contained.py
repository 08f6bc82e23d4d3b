"""Files that hold their generator: they open without it, decode the same images, and hide nothing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pairs.small_file import compact_generator, copy_photos, write_small_file
from safetensors.torch import load, save
from sample_file import take_apart

import gsdd
from gsdd.cli.main import exit_code
from gsdd.errors import FingerprintError, FormatError, GeneratorError
from gsdd.formats import container as files
from gsdd.formats.manifest import GENERATOR
from gsdd.generators.embedded import pack, unpack
from gsdd.generators.generator import Generator
from gsdd.savings import savings
from gsdd.self_contained import embed_generator


@pytest.fixture
def plain(tmp_path) -> Path:
    return write_small_file(tmp_path / "plain.gsdd", copy_photos(tmp_path / "photos"), counts=(2, 1, 1))


@pytest.fixture
def whole(plain, tmp_path) -> Path:
    embed_generator(plain, tmp_path / "whole.gsdd")
    return tmp_path / "whole.gsdd"


@pytest.fixture
def nowhere(monkeypatch):
    """No weights on this machine."""
    monkeypatch.setattr("gsdd.generators.load.find_weights", lambda named: None)


def test_it_opens_without_the_weights_and_decodes_the_same_images(plain, whole, nowhere):
    distilled = gsdd.open(whole)
    generator, note = distilled.load_generator()
    assert note is None
    assert generator.reference.name == distilled.manifest.generator.name
    assert torch.equal(
        distilled.decode(generator, slice(None)), gsdd.open(plain).decode(compact_generator(), slice(None))
    )
    assert exit_code(["verify", "-q", "--decode", str(whole)]) == 0
    assert exit_code(["verify", "-q", "--decode", str(plain)]) != 0


def test_pairs_are_served_from_it_without_the_weights(whole, nowhere):
    assert gsdd.DistilledPairs(whole, gt_size=32)[0]["gt"].shape == (3, 32, 32)


def test_a_tensor_that_float16_holds_bit_for_bit_takes_two_bytes_a_weight_and_others_four(plain, whole):
    generator = compact_generator()
    parameters = generator.reference.parameters
    assert 2 * parameters < whole.stat().st_size - plain.stat().st_size < 2 * parameters + 30_000
    first, changed = next(iter(generator.network.state_dict().items()))
    before = len(pack(generator))
    with torch.no_grad():
        changed[(0,) * changed.ndim] = 1 + 2**-20
    weights = load(pack(generator))
    assert len(pack(generator)) == pytest.approx(before + 2 * changed.numel(), abs=64)
    assert torch.equal(weights[first], changed)
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16, torch.float32}


def test_only_the_generator_is_added(plain, whole):
    before, after = files.read(plain), files.read(whole)
    assert after.document.version == "1.2"
    assert after.manifest.generator == replace(before.manifest.generator, embedded="safetensors")
    assert replace(after.manifest, generator=before.manifest.generator) == before.manifest
    assert set(after.tensors) == {*before.tensors, GENERATOR}
    for name, tensor in before.tensors.items():
        assert after.tensors[name].tobytes() == tensor.tobytes()
    names = load(after.tensors[GENERATOR].tobytes())
    assert {name: list(tensor.shape) for name, tensor in names.items()} == {
        name: list(tensor.shape) for name, tensor in compact_generator().network.state_dict().items()
    }


def test_it_survives_hdf5_and_back(whole, tmp_path):
    files.convert(whole, tmp_path / "whole.h5", container="hdf5")
    files.convert(tmp_path / "whole.h5", tmp_path / "again.gsdd", container="safetensors")
    assert (tmp_path / "again.gsdd").read_bytes() == whole.read_bytes()


def test_the_same_call_writes_the_same_bytes(plain, whole, tmp_path):
    embed_generator(plain, tmp_path / "again.gsdd")
    assert (tmp_path / "again.gsdd").read_bytes() == whole.read_bytes()


def test_merging_keeps_one_copy(tmp_path):
    photos = copy_photos(tmp_path / "photos")
    paths = []
    for number, counts in enumerate([(2, 0, 0), (0, 1, 1)]):
        source = tmp_path / f"photos{number}"
        source.mkdir()
        for folder, count in zip(sorted(photos.iterdir()), counts, strict=True):
            if count:
                (source / folder.name).symlink_to(folder)
        made = write_small_file(tmp_path / f"{number}.gsdd", source, counts=tuple(c for c in counts if c))
        paths.append(tmp_path / f"whole{number}.gsdd")
        embed_generator(made, paths[-1])
    gsdd.merge(paths, tmp_path / "merged.gsdd")
    merged, first = files.read(tmp_path / "merged.gsdd"), files.read(paths[0])
    assert merged.tensors[GENERATOR].tobytes() == first.tensors[GENERATOR].tobytes()
    assert merged.manifest.latents == 4


def forged(whole: Path, weights: bytes) -> Path:
    contents = files.read(whole)
    path = whole.with_name("forged.gsdd")
    tensors = {**contents.tensors, GENERATOR: np.frombuffer(weights, np.uint8)}
    files.write_stored(path, contents.manifest, tensors, force=True)
    return path


def test_weights_of_another_network_are_refused_though_every_digest_is_right(whole):
    names = load(files.read(whole).tensors[GENERATOR].tobytes())
    path = forged(whole, save({name: tensor + 1 for name, tensor in names.items()}))
    with pytest.raises(FingerprintError, match="holds a generator of fingerprint"):
        gsdd.open(path).load_generator()


@pytest.mark.parametrize("data", [b"\x80\x04.", b"\xff" * 64, save({"a": torch.zeros(3)})])
def test_bytes_that_are_no_network_are_refused(whole, data):
    with pytest.raises(GeneratorError, match=r"forged\.gsdd"):
        gsdd.open(forged(whole, data)).load_generator()


def test_another_generator_than_the_files_is_not_put_into_it(plain, tmp_path, monkeypatch):
    with pytest.raises(FingerprintError):
        embed_generator(plain, tmp_path / "b.gsdd", generator="realesrgan-x4plus-anime")
    assert not (tmp_path / "b.gsdd").exists()


def test_the_float32_form_of_a_half_network_is_not_put_into_it_either(plain, tmp_path, monkeypatch):
    def other(self, name=None, **options) -> tuple[Generator, str]:
        return compact_generator(), "the weights at hand are the float32 form"

    monkeypatch.setattr("gsdd.pairs.distilled.Distilled.load_generator", other)
    with pytest.raises(FingerprintError, match="the very weights that it was made with, or none"):
        embed_generator(plain, tmp_path / "b.gsdd")


@pytest.mark.parametrize("value", ["fp16", "", None, 7])
def test_a_manifest_says_a_dtype_or_nothing(whole, value):
    manifest, _ = take_apart(whole.read_bytes())
    from gsdd.formats.manifest import from_json

    said = {name: each for name, each in manifest.items() if name not in ("version", "tensors", "digest")}
    said["generator"]["embedded"] = value
    with pytest.raises(FormatError, match="embedded"):
        from_json(said, newer=False)


def test_the_command_says_what_it_wrote_and_savings_count_the_generator_once(plain, tmp_path, capsys):
    target = tmp_path / "b.gsdd"
    assert exit_code(["convert", str(plain), str(target), "--embed-generator", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes"] == target.stat().st_size
    report = savings(tmp_path / "photos", target)
    assert all(rival.saved == rival.saved_with_generator for rival in (*report.whole_source, *report.random_crops))


def test_a_generator_that_is_not_to_be_embedded_is_refused(plain, tmp_path):
    code = exit_code(["convert", str(plain), str(tmp_path / "b.gsdd"), "--generator", "realesr-animevideov3"])
    assert code == 2
    assert not (tmp_path / "b.gsdd").exists()


def test_unpack_names_the_generator_as_the_file_does(whole):
    contents = files.read(whole)
    made_with = replace(contents.manifest.generator, name="their own")
    generator = unpack(contents.tensors[GENERATOR].tobytes(), made_with, whole)
    assert generator.reference.name == "their own"
