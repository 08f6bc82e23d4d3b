"""`gsdd convert`: the same file in the other container, and back."""

import json

import pytest
from sample_file import write_sample

from gsdd.formats.container import read


@pytest.fixture
def source(tmp_path):
    return write_sample(tmp_path / "a.gsdd")


def test_there_and_back_gives_the_same_bytes(source, tmp_path, gsdd):
    there, back = tmp_path / "b.gsdd", tmp_path / "c.gsdd"
    assert gsdd("convert", source, there, "--container", "hdf5").out == f"{there}\n"
    assert gsdd("convert", there, back).out == f"{back}\n"
    assert read(there).container == "hdf5"
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("name", "options", "container"),
    [
        ("b.h5", [], "hdf5"),
        ("b.HDF5", [], "hdf5"),
        ("b.gsdd", [], "safetensors"),
        ("b.safetensors", [], "safetensors"),
        ("b.h5", ["--container", "safetensors"], "safetensors"),
    ],
)
def test_the_suffix_chooses_the_container_unless_the_option_does(source, tmp_path, name, options, container, gsdd):
    gsdd("convert", "-q", source, tmp_path / name, *options)
    assert read(tmp_path / name).container == container


def test_json_tells_what_was_written(source, tmp_path, gsdd):
    target = tmp_path / "b.h5"
    assert json.loads(gsdd("convert", "--json", source, target).out) == {
        "source": str(source),
        "path": str(target),
        "container": "hdf5",
        "bytes": target.stat().st_size,
        "dry_run": False,
    }


def test_an_existing_target_is_kept_unless_forced(source, tmp_path, gsdd, refused):
    target = tmp_path / "b.h5"
    target.write_bytes(b"mine")
    assert refused("convert", source, target) == f"gsdd: {target}: exists already; --force replaces it\n"
    assert target.read_bytes() == b"mine"
    gsdd("convert", source, target, "--force")
    assert read(target).container == "hdf5"
