"""Files that hold their generator: they open without it, decode the same images, and hide nothing."""

import copy
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pairs.small_file import compact_generator, write_small_file
from safetensors.torch import load, save
from sample_file import edited, forge, named, take_apart, without_signatures

from gsdd.cli.main import exit_code
from gsdd.distilled.embed import embed_generator
from gsdd.distilled.latent_set import read_latents
from gsdd.distilled.merge import merge
from gsdd.errors import FingerprintError, FormatError, MergeError
from gsdd.formats import container as files
from gsdd.formats.manifest import GENERATOR, from_json
from gsdd.generators.embedded import pack
from gsdd.generators.generator import Generator
from gsdd.inspect.savings import savings
from gsdd.pairs.dataset import DistilledPairs


@pytest.fixture
def plain(tmp_path, source) -> Path:
    return write_small_file(tmp_path / "plain.gsdd", source, counts=(2, 1, 1))


@pytest.fixture
def whole(plain, tmp_path) -> Path:
    embed_generator(plain, tmp_path / "whole.gsdd")
    return tmp_path / "whole.gsdd"


@pytest.fixture
def nowhere(monkeypatch):
    """No weights on this machine."""
    monkeypatch.setattr("gsdd.generators.load.find_weights", lambda named: None)


def test_it_opens_without_the_weights_and_decodes_the_same_images(plain, whole, nowhere):
    distilled = read_latents(whole)
    generator, note = distilled.load_generator()
    assert note is None
    assert generator.reference.name == distilled.manifest.generator.name
    assert torch.equal(
        distilled.decode(generator, slice(None)), read_latents(plain).decode(compact_generator(), slice(None))
    )
    assert exit_code(["verify", "-q", "--decode", str(whole)]) == 0
    assert exit_code(["verify", "-q", "--decode", str(plain)]) != 0


def test_pairs_are_served_from_it_without_the_weights(whole, nowhere):
    assert DistilledPairs(whole, gt_size=32)[0]["gt"].shape == (3, 32, 32)


def test_a_tensor_that_float16_holds_bit_for_bit_takes_two_bytes_a_weight_and_others_four(plain, whole):
    # A copy: other tests share the generator.
    generator = Generator(copy.deepcopy(compact_generator().network), compact_generator().reference)
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


@pytest.fixture
def two(plain, tmp_path) -> list[Path]:
    """Two files of different classes, neither with its generator."""
    return [plain, edited(plain, tmp_path / "1.gsdd", classes=named("x", "y", "z"))]


@pytest.mark.parametrize("holding", [(0,), (1,), (0, 1)])
def test_a_merged_file_holds_the_generator_if_one_of_the_files_does(two, tmp_path, holding):
    for number in holding:
        embed_generator(two[number], tmp_path / f"whole{number}.gsdd")
    paths = [tmp_path / f"whole{number}.gsdd" if number in holding else two[number] for number in (0, 1)]
    merge(paths, tmp_path / "merged.gsdd")
    merged = read_latents(tmp_path / "merged.gsdd")
    assert merged.weights == read_latents(paths[holding[0]]).weights
    assert len(merged) == 8
    assert merged.load_generator()[1] is None


def test_files_that_hold_other_bytes_of_a_generator_are_not_merged(two, tmp_path):
    for number in (0, 1):
        embed_generator(two[number], tmp_path / f"whole{number}.gsdd")
    weights = {name: tensor.float() for name, tensor in weights_of(tmp_path / "whole1.gsdd").items()}
    other = forged(tmp_path / "whole1.gsdd", save(weights))
    with pytest.raises(MergeError, match=r"forged\.gsdd: the bytes of its generator are others"):
        merge([tmp_path / "whole0.gsdd", other], tmp_path / "merged.gsdd")


def forged(whole: Path, weights: bytes, **said: object) -> Path:
    """The file with other weights, and with right digests; what it says of its generator may be changed too."""
    stored = {GENERATOR: np.frombuffer(weights, np.uint8)}
    return edited(whole, whole.with_name("forged.gsdd"), stored, generator=lambda made_with: replace(made_with, **said))


def weights_of(whole: Path) -> dict[str, torch.Tensor]:
    return load(files.read(whole).tensors[GENERATOR].tobytes())


def test_weights_of_another_network_are_refused_though_every_digest_is_right(whole):
    path = forged(whole, save({name: tensor + 1 for name, tensor in weights_of(whole).items()}))
    with pytest.raises(FormatError, match=r"not what it says of them: fingerprint, fingerprint_fp16$"):
        read_latents(path).load_generator()
    assert exit_code(["verify", "-q", "--decode", str(path)]) == 3


def test_a_known_name_goes_with_its_own_weights_alone(whole):
    path = forged(whole, save(weights_of(whole)), name="realesrgan-x4plus")
    with pytest.raises(FingerprintError, match="calls its generator realesrgan-x4plus, which has other weights"):
        read_latents(path).load_generator()
    named = forged(whole, save(weights_of(whole)), name="my own")
    assert read_latents(named).load_generator()[0].reference.name == "my own"


def test_a_file_that_says_another_architecture_or_size_of_its_weights_is_refused(whole):
    path = forged(whole, save(weights_of(whole)), name="my own", architecture="ESRGAN 64nf 23nb", parameters=16_697_987)
    with pytest.raises(FormatError, match="not what it says of them: architecture, parameters"):
        read_latents(path).load_generator()


@pytest.mark.parametrize("data", [b"\x80\x04.", b"\xff" * 64])
def test_bytes_that_are_no_safetensors_file_are_not_read_at_all(whole, data):
    with pytest.raises(FormatError, match="not a valid safetensors file"):
        forged(whole, data)


@pytest.mark.parametrize(
    ("tensors", "text"),
    [
        ({"a": torch.zeros(3)}, "not a network that spandrel recognises"),
        ({"a": torch.zeros(3, dtype=torch.float8_e4m3fn)}, "of another dtype"),
        ({"body.0.weight": torch.zeros(64, 3, 3, 0)}, "empty"),
    ],
)
def test_tensors_that_are_no_network_are_refused(whole, tensors, text):
    path = forged(whole, save(tensors))
    with pytest.raises(FormatError, match=rf"forged\.gsdd.*{text}"):
        read_latents(path).load_generator()


def test_a_few_bytes_do_not_make_a_network_that_takes_all_memory(whole):
    """A thin first layer tells spandrel how wide the others are, and one key how many there are."""
    thin = {"body.0.weight": torch.zeros(2048, 3, 3, 3, dtype=torch.float16), "body.0.bias": torch.zeros(2048)}
    deep = {f"body.{number}.weight": torch.zeros(1) for number in (1, *range(2, 34, 2))}
    last = {"body.34.weight": torch.zeros(48, 1), "body.34.bias": torch.zeros(48)}
    path = forged(whole, save({**thin, **deep, **last}))
    began = time.monotonic()
    with pytest.raises(FormatError, match=r"cannot be used: .*many times as large as its weights"):
        read_latents(path).load_generator()
    assert time.monotonic() - began < 5


def test_another_generator_than_the_files_is_not_put_into_it(plain, tmp_path):
    with pytest.raises(FingerprintError):
        embed_generator(plain, tmp_path / "b.gsdd", generator="realesrgan-x4plus-anime")
    assert not (tmp_path / "b.gsdd").exists()


def test_the_float32_form_of_a_half_network_is_not_put_into_it_either(plain, tmp_path, monkeypatch):
    def other(self, name=None, **options) -> tuple[Generator, str]:
        return compact_generator(), "the weights at hand are the float32 form"

    monkeypatch.setattr("gsdd.distilled.latent_set.LatentSet.load_generator", other)
    with pytest.raises(FingerprintError, match="the very weights that it was made with, or none"):
        embed_generator(plain, tmp_path / "b.gsdd")


@pytest.mark.parametrize("value", ["fp16", "", None, 7])
def test_a_manifest_says_the_form_of_the_weights_or_nothing(whole, value):
    manifest, _ = take_apart(whole.read_bytes())
    said = {name: each for name, each in manifest.items() if name not in ("version", "tensors", "digest")}
    said["generator"]["embedded"] = value
    with pytest.raises(FormatError, match="embedded"):
        from_json(said, newer=False)


def test_the_command_says_what_it_wrote_and_savings_tell_the_generator_apart(plain, source, tmp_path, gsdd):
    target = tmp_path / "b.gsdd"
    told = json.loads(gsdd("convert", plain, target, "--embed-generator", "--json").out)
    assert told["bytes"] == target.stat().st_size
    there, here = savings(source, plain), savings(source, target)
    inside = files.read(target).tensors[GENERATOR].nbytes
    assert here.embedded
    assert here.file_bytes + inside == target.stat().st_size
    assert here.generator_bytes == inside
    assert here.bits_per_hr_pixel == pytest.approx(there.bits_per_hr_pixel, rel=0.05)
    assert "inside the file, not counted above" in gsdd("savings", source, target).out


def test_a_generator_that_is_not_to_be_embedded_is_refused(plain, tmp_path, gsdd):
    gsdd("convert", plain, tmp_path / "b.gsdd", "--generator", "realesr-animevideov3", code=2)
    assert not (tmp_path / "b.gsdd").exists()


@pytest.mark.parametrize("version", ["1.0", "1.5"])
def test_a_file_of_a_version_that_this_gsdd_does_not_write_is_left_alone(plain, tmp_path, version):
    data = plain.read_bytes()
    manifest, tensors = take_apart(without_signatures(data) if version == "1.0" else data)
    (tmp_path / "other.gsdd").write_bytes(forge({**manifest, "version": version}, tensors))
    with pytest.raises(FormatError, match=rf"other\.gsdd: is of format {version}"):
        embed_generator(tmp_path / "other.gsdd", tmp_path / "b.gsdd")
