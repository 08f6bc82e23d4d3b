"""Writing, reading and converting whole files."""

import hashlib
import os
import pkgutil
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
from sample_file import ARRAYS, CLASS_INDEX, CODEC_NAMES, CONTAINERS, LATENTS, MANIFEST, behind_user_block, write_sample
from test_architecture import loaded_by

import gsdd.formats
from gsdd.errors import FormatError, OutputError, RecipeError, SourceError
from gsdd.formats import container as files
from gsdd.formats.codecs import CODECS
from gsdd.formats.digest import file_digest


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("codec", CODEC_NAMES)
def test_what_is_written_is_read(tmp_path, codec, container):
    contents = files.read(write_sample(tmp_path / "a.gsdd", codec, container))
    signatures = ARRAYS.signatures[[0, 2], ::2, ::2] if codec == "dct" else ARRAYS.signatures
    index = {"class_index": CLASS_INDEX, "source_index": ARRAYS.source_index, "signatures": signatures}
    wanted = CODECS[codec].encode(LATENTS) | index
    assert contents.manifest == replace(MANIFEST, codec=codec)
    assert contents.container == container
    assert {name: (array.dtype, array.tolist()) for name, array in contents.tensors.items()} == {
        name: (array.dtype, array.tolist()) for name, array in wanted.items()
    }
    assert files.latents_of(contents).tobytes() == CODECS[codec].decode(wanted, LATENTS.shape).tobytes()


@pytest.mark.parametrize("codec", CODEC_NAMES)
def test_to_hdf5_and_back_gives_the_same_bytes(tmp_path, codec):
    first = write_sample(tmp_path / "a.gsdd", codec)
    files.convert(first, tmp_path / "b.h5", container="hdf5")
    files.convert(tmp_path / "b.h5", tmp_path / "c.gsdd", container="safetensors")
    assert (tmp_path / "c.gsdd").read_bytes() == first.read_bytes()
    assert (tmp_path / "b.h5").read_bytes() == write_sample(tmp_path / "d.h5", codec, "hdf5").read_bytes()


@pytest.mark.parametrize("container", CONTAINERS)
def test_another_process_at_another_time_writes_the_same_bytes(tmp_path, container):
    here = write_sample(tmp_path / "a.gsdd", container=container)
    script = (
        "import sys, time; from pathlib import Path; from sample_file import write_sample; time.sleep(1.1);"
        f"write_sample(Path(sys.argv[1]), container={container!r})"
    )
    environment = os.environ | {"PYTHONPATH": "tests", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", script, tmp_path / "b.gsdd"], check=True, env=environment)
    assert (tmp_path / "b.gsdd").read_bytes() == here.read_bytes()


def test_any_hdf5_reader_finds_the_tensors_and_the_manifest(tmp_path):
    path = write_sample(tmp_path / "a.h5", container="hdf5")
    with h5py.File(path, "r") as file:
        assert sorted(file) == [
            "class_index",
            "gsdd",
            "latents",
            "latents.offset",
            "latents.scale",
            "signatures",
            "source_index",
        ]
        assert file["latents"][0, 0].tolist() == [[0, 51], [153, 255]]
        assert file["gsdd"][()].decode() == files.read(path).document.text


def test_the_user_block_of_hdf5_tells_length_and_sha256_of_the_rest(tmp_path):
    data = write_sample(tmp_path / "a.h5", container="hdf5").read_bytes()
    assert data == behind_user_block(data[512:])
    assert data[512:].startswith(b"\x89HDF\r\n\x1a\n")


def test_arrays_in_any_memory_order_are_written_alike(tmp_path):
    plain = write_sample(tmp_path / "a.gsdd")
    swapped = np.ascontiguousarray(LATENTS.transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0)
    arrays = replace(ARRAYS, latents=swapped, source_index=np.repeat(ARRAYS.source_index, 2)[::2])
    files.write(tmp_path / "b.gsdd", MANIFEST, arrays)
    assert (tmp_path / "b.gsdd").read_bytes() == plain.read_bytes()


def test_the_digest_of_a_file_is_the_sha256_of_its_bytes(tmp_path):
    path = write_sample(tmp_path / "a.gsdd")
    assert file_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"latents": LATENTS.astype(np.float64)}, "latents: got float64"),
        ({"latents": LATENTS[:2]}, r"latents: got float32 \[2, 3, 2, 2\]; the manifest calls for float32 \[3, 3"),
        ({"latents": LATENTS[:, :1]}, r"latents: got float32 \[3, 1, 2, 2\]"),
        ({"source_index": ARRAYS.source_index.astype(np.int64)}, "source_index: got int64"),
        ({"source_index": ARRAYS.source_index - 1}, r"source_index has values outside 0\.\.2"),
        ({"source_index": ARRAYS.source_index + 1}, r"source_index has values outside 0\.\.2"),
        ({"signatures": ARRAYS.signatures.astype(np.int8)}, "signatures: got int8"),
        (
            {"signatures": ARRAYS.signatures[:, :4]},
            r"signatures: got uint8 \[3, 4, 8\]; the manifest calls for uint8 \[3, 8, 8",
        ),
    ],
)
def test_arrays_that_do_not_fit_the_manifest_are_not_written(tmp_path, changes, text):
    with pytest.raises(FormatError, match=text):
        files.write(tmp_path / "a.gsdd", MANIFEST, replace(ARRAYS, **changes))
    assert list(tmp_path.iterdir()) == []


def test_a_latent_that_the_codec_cannot_hold_is_not_written(tmp_path):
    large = replace(ARRAYS, latents=LATENTS + np.float32(1e6))
    with pytest.raises(RecipeError, match="fp16"):
        files.write(tmp_path / "a.gsdd", replace(MANIFEST, codec="fp16"), large)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("recipe", [{"lr": float("nan")}, {"lr": np.float32(1)}, {"name": "\udc80"}, {"a": {1, 2}}])
def test_a_recipe_that_is_not_plain_json_is_not_written(tmp_path, recipe):
    with pytest.raises(FormatError, match="metadata"):
        files.write(tmp_path / "a.gsdd", replace(MANIFEST, recipe=recipe), ARRAYS)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_container_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="container 'zip'; known are safetensors, hdf5, deflated"):
        write_sample(tmp_path / "a.gsdd", container="zip")


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_source_of_a_conversion_is_never_overwritten(tmp_path, container):
    path = write_sample(tmp_path / "a.gsdd")
    before = path.read_bytes()
    (tmp_path / "b.gsdd").symlink_to(path)
    (tmp_path / "c.gsdd").hardlink_to(path)
    for target in ("a.gsdd", "b.gsdd", "c.gsdd"):
        with pytest.raises(OutputError, match="is the source itself"):
            files.convert(path, tmp_path / target, container=container, force=True)
    assert path.read_bytes() == before


def test_a_damaged_source_leaves_no_target(tmp_path):
    (tmp_path / "a.gsdd").write_bytes(write_sample(tmp_path / "sound.gsdd").read_bytes()[:-1])
    with pytest.raises(FormatError, match=r"a\.gsdd"):
        files.convert(tmp_path / "a.gsdd", tmp_path / "b.h5", container="hdf5")
    assert not (tmp_path / "b.h5").exists()


def test_a_missing_file_is_told_by_name(tmp_path):
    with pytest.raises(SourceError, match=r"none\.gsdd: no such file"):
        files.read(tmp_path / "none.gsdd")


def test_a_folder_or_a_pipe_is_no_gsdd_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(FormatError, match="is not a file"):
            files.read(path)


def test_a_path_through_a_file_cannot_be_read(tmp_path):
    path = write_sample(tmp_path / "a.gsdd")
    with pytest.raises(SourceError, match="cannot be read"):
        files.read(path / "b.gsdd")


def test_formats_load_neither_torch_nor_h5py():
    modules = {f"gsdd.formats.{each.name}" for each in pkgutil.iter_modules(gsdd.formats.__path__)}
    loaded = loaded_by(f"import {', '.join(modules)}")
    assert "gsdd.formats.hdf5_container" in loaded
    assert not {"torch", "h5py"} & loaded
